"""How long a training still takes, told from its own steps."""

from training.pace import WINDOW, Pace, in_words


def test_one_slow_step_hardly_moves_the_estimate_and_a_lasting_change_does():
    pace = Pace()
    assert pace.images_per_s(4) is None and pace.remaining_s(10, 1) is None
    pace.steps_s.extend([0.5] * 20 + [60.0])
    pace.validations_s.append(3.0)
    assert pace.images_per_s(4) == 8 and pace.remaining_s(10, 2) == 11
    pace.steps_s.extend([2.0] * WINDOW)
    assert pace.images_per_s(4) == 2


def test_times_are_told_as_people_say_them():
    assert [in_words(seconds) for seconds in (0, 42.4, 89, 95, 3000, 11100)] == ["0 s", "42 s", "89 s", "2 min", "50 min", "3 h 5 min"]
