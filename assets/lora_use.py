"""Which LoRA a category uses and who decided so: its history, people's promotions and rollbacks, and what stands while a look does.

Promotion by contest is lora_contests.py. What is in use now is `planning.promoted_lora`, which reads the same rows.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from assets.lora_key import lora_key
from assets.planning import in_use_query, promoted_lora
from catalog.errors import LoraRefused, TrainingError
from catalog.failpoint import failpoint
from resources.ledger import Row
from resources.ledger_tables import lora, lora_choice, lora_contest, lora_return
from resources.project import Project
from resources.settings import utc_now

MIN_DIGEST_CHARACTERS = 6
"""As few characters of a digest may name a LoRA, as long as they name one alone."""
MAX_REASON_CHARACTERS = 1_000
TICK = dt.timedelta(microseconds=1)
"""The least time between two entries, the finest that the ledger tells apart."""
BY_PERSON = ("promote", "rollback")
"""Actions of people; what else takes a LoRA into use is the outcome of a contest, and the next contest may overturn it."""
IN_WORDS = {
    "trained": "won its training's contest",
    "returned": "came back with its look",
    "promote": "promoted by a person",
    "rollback": "rolled back to by a person",
    "contest": "imported, and won its contest",
}


@dataclass(frozen=True, kw_only=True)
class Use:
    """One time that a LoRA was taken into use: when, which, how (a key of `IN_WORDS`), by whom and why ('' where nobody said)."""

    at: dt.datetime
    key: str
    how: str
    by: str = ""
    because: str = ""


def loras_of(project: Project, category: str) -> list[Row]:
    """All LoRAs of a category, trained and imported, of any base model, newest first."""
    return project.ledger.rows(sa.select(lora).where(lora.c.category == category).order_by(lora.c.made_at.desc(), lora.c.key))


def contests_of(project: Project, category: str) -> list[Row]:
    """All contests of a category, newest first."""
    return project.ledger.rows(sa.select(lora_contest).where(lora_contest.c.category == category).order_by(lora_contest.c.at.desc()))


def uses_of(project: Project, category: str) -> list[Use]:
    """Each time that a LoRA of the present base model was taken into use for a category, oldest first."""
    mine = {row["key"]: row for row in loras_of(project, category) if row["base_model_digest"] == project.training_model_digest}
    found = [Use(at=row["made_at"], key=key, how="trained") for key, row in mine.items() if row["promoted"]]
    returns = project.ledger.rows(sa.select(lora_return).where(lora_return.c.lora_key.in_(list(mine))))
    found += [Use(at=row["at"], key=row["lora_key"], how="returned") for row in returns]
    choices = project.ledger.rows(sa.select(lora_choice).where(lora_choice.c.category == category))
    found += [
        Use(at=row["at"], key=row["lora_key"], how=row["action"], by=row["chosen_by"], because=row["because"])
        for row in choices
        if row["lora_key"] in mine
    ]
    return sorted(found, key=lambda use: (use.at, use.key))


def find_lora(project: Project, category: str, digest: str) -> Row:
    """The LoRA of a category whose file's digest begins so. Raises LoraRefused when none or several do."""
    rows = loras_of(project, category)
    found = {row["lora_digest"]: row for row in reversed(rows) if row["lora_digest"].startswith(digest)}
    if len(digest) >= MIN_DIGEST_CHARACTERS and len(found) == 1:
        return next(iter(found.values()))
    known = ", ".join(dict.fromkeys(row["lora_digest"][:12] for row in rows)) or "none"
    what = "too little" if len(digest) < MIN_DIGEST_CHARACTERS else f"{len(found)} LoRAs" if found else "no LoRA"
    raise LoraRefused(
        f"{digest!r} names {what} of category {category}. Give the first {MIN_DIGEST_CHARACTERS} or more characters of one of: {known}. "
        "Nothing was changed."
    )


def promote_lora(project: Project, category: str, digest: str, *, by: str, because: str) -> Row:
    """Take a LoRA into use because a person says so, whatever its contest said; the LoRA.

    It stands until the category's look, the trainer's settings or the base model change. Raises LoraRefused when it is of another base
    model, its file is lost, it is in use already, or no reason is given.
    """
    row = find_lora(project, category, digest)
    in_use = promoted_lora(project, category)
    if in_use is not None and in_use["lora_digest"] == row["lora_digest"]:
        raise LoraRefused(f"LoRA {row['lora_digest'][:12]} is in use for {category} already. Nothing was changed.")
    _refuse_unusable(project, row)
    choose(project, row, "promote", by=by, because=because)
    return row


def rollback_lora(project: Project, category: str, *, by: str, because: str) -> Row:
    """Take the LoRA into use again that was in use before the present one; the LoRA. Rolling back twice goes back twice.

    Raises LoraRefused when there is no earlier one, or its file is lost.
    """
    before = uses_standing(uses_of(project, category))
    if len(before) < 2:
        raise LoraRefused(
            f"Category {category} has had {len(before) or 'no'} LoRA of the present base model, so there is nothing to roll back to. "
            "`vitrine lora list` shows what there is; `vitrine lora promote` takes one into use. Nothing was changed."
        )
    row = project.ledger.by_keys(lora, [before[-2].key])[before[-2].key]
    _refuse_unusable(project, row)
    choose(project, row, "rollback", by=by, because=because)
    return row


def uses_standing(uses: list[Use]) -> list[Use]:
    """Uses that rollbacks have left, oldest first: the last is the present one, the last but one what a rollback goes to."""
    standing: list[Use] = []
    for use in uses:
        if use.how == "rollback" and any(one.key == use.key for one in standing):
            while standing[-1].key != use.key:
                standing.pop()
        elif not standing or standing[-1].key != use.key:
            standing.append(use)
    return standing


def _refuse_unusable(project: Project, row: Row) -> None:
    name, category = row["lora_digest"][:12], row["category"]
    if row["base_model_digest"] != project.training_model_digest:
        raise LoraRefused(
            f"LoRA {name} of {category} was trained on base model {row['base_model_digest'][:12]}; the project's LoRAs are of "
            f"{project.training_model_digest[:12]}, with others it would draw nonsense. Set `base_model` back first. Nothing was changed."
        )
    if not project.store.has(row["lora_digest"]):
        raise LoraRefused(
            f"The file of LoRA {name} of {category} is lost from the store. Restore it from a backup, or let `vitrine run` train again; "
            "`vitrine lora list` shows the others. Nothing was changed."
        )


def moment_after(last: dt.datetime | None) -> dt.datetime:
    """Now, or just after what was recorded last if this machine's clock is behind: the last word is what was said last, whoever's clock is right."""
    now = utc_now().replace(tzinfo=None)
    return now if last is None else max(now, last + TICK)


def moment_of_use(project: Project, category: str) -> dt.datetime:
    """The time for a LoRA that is taken into use now: after each that was before."""
    last = project.ledger.one(in_use_query(project, category))
    return moment_after(None if last is None else last["taken_at"])


def choose(
    project: Project, row: Row, action: str, *, by: str, because: str, unless: Callable[[Row | None], bool] = lambda _: False
) -> bool:
    """Write down that a LoRA was taken into use, by whom and why; whether it was. Raises LoraRefused without a reason.

    `unless` is asked about the LoRA in use, and no other can be chosen between its answer and what is written.
    """
    reason = because.strip()
    if not reason or len(reason) > MAX_REASON_CHARACTERS:
        raise LoraRefused(
            f"Say why, in 1 to {MAX_REASON_CHARACTERS} characters: --because '...'. It is kept with the decision. Nothing was changed."
        )
    category = row["category"]
    entry: Row = {
        "category": category, "lora_key": row["key"], "look_key": look_key(project, category), "action": action, "chosen_by": by, "because": reason,
    }  # fmt: skip
    failpoint("lora.before_choice")
    with project.ledger.writing(f"lora/{category}") as connection:
        in_use = connection.execute(in_use_query(project, category)).mappings().first()
        if unless(None if in_use is None else dict(in_use)):
            return False
        entry["at"] = moment_after(None if in_use is None else in_use["taken_at"])
        number = connection.execute(project.ledger.insert(lora_choice).returning(lora_choice.c.id), entry).scalar_one()
        project.ledger.keep(lora_choice.name, [{**entry, "id": number}])
    failpoint("lora.chosen")
    return True


def look_key(project: Project, category: str) -> str | None:
    """The training that the category's look asks for now; None without a look."""
    try:
        return lora_key(project, category)
    except TrainingError:
        return None


def chosen_for(project: Project, category: str, key: str) -> Row | None:
    """The LoRA that a person chose last while the look asked for this training, if its file is there: it stands in place of the trained one.

    None where an imported LoRA has won a contest since, as no person said that the next contest is not to decide.
    """
    choice = _last_choice(project, category, key)
    return _usable(project, choice) if choice is not None and choice["action"] in BY_PERSON else None


def lora_to_return(project: Project, trained: Row) -> Row | None:
    """The LoRA that is to come back into use with the present look, whose training is `trained`; None when the right one is in use.

    That is what a person chose for this look; else who won last for it: the imported LoRA or, if it was promoted later, what was trained on it.
    """
    choice = _last_choice(project, trained["category"], trained["key"])
    standing = trained if trained["promoted"] else None
    if choice is not None and (standing is None or choice["action"] in BY_PERSON or choice["at"] >= trained["made_at"]):
        standing = _usable(project, choice) or standing
    in_use = promoted_lora(project, trained["category"])
    return standing if standing is not None and in_use is not None and in_use["key"] != standing["key"] else None


def _last_choice(project: Project, category: str, key: str) -> Row | None:
    query = sa.select(lora_choice).where(lora_choice.c.category == category, lora_choice.c.look_key == key)
    return project.ledger.one(query.order_by(lora_choice.c.id.desc()).limit(1))


def _usable(project: Project, choice: Row) -> Row | None:
    """The chosen LoRA, if it is of the present base model and its file is there."""
    row = project.ledger.by_keys(lora, [choice["lora_key"]]).get(choice["lora_key"])
    usable = row is not None and row["base_model_digest"] == project.training_model_digest and project.store.has(row["lora_digest"])
    return row if usable else None
