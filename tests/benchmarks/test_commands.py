"""The commands of the benchmarks: each tells its flags, refuses bad ones in words, and runs to the end at its smallest. No time is asserted."""

import json

import pytest

from benchmarks import batching, contest, cost, lora, throughput, training

MEASURING = [throughput, training, batching]


def run(command, monkeypatch, *flags: str) -> int:
    monkeypatch.setattr("sys.argv", ["benchmark", *flags])
    return command.main()


@pytest.mark.parametrize("command", [*MEASURING, cost, contest, lora])
def test_every_command_tells_its_flags(command, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        run(command, monkeypatch, "--help")
    assert ended.value.code == 0 and "python -m benchmarks." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "flags", "words"),
    [
        *((command, ["--repeat", "0"], "'0' is no whole number from 1 on") for command in MEASURING),
        *((command, ["--device", "tpu"], "invalid choice: 'tpu'") for command in MEASURING),
        (throughput, ["--batch", "many"], "'many' is no whole number from 1 on"),
        (throughput, ["--weights", "float8"], "--weights is for --device cuda"),
        (training, ["--steps", "4"], "'4' is no whole number from 5 on"),
        (batching, ["--batches", "1", "-2"], "'-2' is no whole number from 1 on"),
        (batching, ["--families", "sd3"], "invalid choice: 'sd3'"),
        (batching, ["--json", "report.txt"], "a file that ends in .json is wanted"),
        (cost, ["--families", "embedded"], "invalid choice: 'embedded'"),
        (contest, ["--category", "bags", "--other", "bags"], "--other has to be another category"),
        (lora, ["--categories", "bags"], "name two or more"),
        (lora, ["--categories", "bags", "cars"], "there is no look of cars"),
    ],
)
def test_bad_flags_are_refused_in_words(command, flags, words, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        run(command, monkeypatch, *flags)
    assert ended.value.code == 2 and words in capsys.readouterr().err


@pytest.mark.parametrize(("command", "flags"), [(throughput, []), (training, []), (batching, ["--families", "flux2-klein"])])
def test_a_tiny_run_ends_with_a_report_that_says_what_it_is(command, flags, monkeypatch, capsys, tmp_path):
    assert run(command, monkeypatch, "--tiny", *flags, "--json", str(tmp_path / "report.json")) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["benchmark"] == command.__name__.rpartition(".")[2] and report["rows"]
    assert report["remarks"][0].startswith("TINY") and "TINY" in capsys.readouterr().out
    assert {"versions", "processor", "cores", "torch_threads", "highest_load", "disturbed"} <= set(report["machine"])


def test_the_cost_of_what_nobody_measured_is_not_told(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cost, "REPORTS", tmp_path)
    assert run(cost, monkeypatch, "--families", "flux2-klein", "--json", str(tmp_path / "cost.json")) == 0
    told = capsys.readouterr().out
    assert "No report measured a GPU: no cost is given." in told and "no estimate" in told
    report = json.loads((tmp_path / "cost.json").read_text())
    assert {cell["how"] for cell in report["costs"]} == {"not measured"} and all(cell["usd"] is None for cell in report["costs"])
    assert all(cell["usd"] for cell in report["bounds"])


def test_fewer_rounds_than_five_are_named_below_the_table(capsys):
    from benchmarks.command_line import finish

    finish({}, None, repeats=4)
    assert "Only 4 rounds" in capsys.readouterr().out
    finish({}, None, repeats=5)
    assert capsys.readouterr().out == ""
