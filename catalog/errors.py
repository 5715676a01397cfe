"""Every error a user of Vitrine can cause, as one tree. Programming mistakes are `assert`s, not these.

    VitrineError
    ├── SettingsError          a settings, brand-kit or recipe file says something it may not say
    ├── CatalogError           the product table cannot be read, or a row of it is wrong
    ├── PhotoRefused           a source photo cannot become a product picture (has `code`)
    ├── CutoutRefused          the product could not be told from its background with confidence
    ├── ModelError             a base model or LoRA is missing, altered, or does not fit
    │   └── LicenseNotCleared  nobody said that what its license asks for is kept
    ├── TrainingError          a LoRA cannot be trained, or what was trained is unusable
    ├── RenderError            a recipe could not make its picture
    ├── GateError              measurements or rules are incomplete, so nothing can be judged
    ├── PublishRefused         something without a current approval was about to be published
    ├── LoraRefused            a LoRA cannot be taken into use, imported or exported as it was asked for
    ├── DecisionRefused        a reviewer's decision about a picture cannot be taken as it was sent
    ├── LeaseRefused           another run works on this cell or LoRA, or took it over meanwhile
    └── StoreError             the object store or ledger is unreachable, full or inconsistent
        └── StoreBusy          it did not answer for longer than we wait; the same step may succeed later

A message answers four questions: what happened, with which value, what was allowed, what now.
"""


class VitrineError(Exception):
    """Base of everything Vitrine raises on purpose; catch it to handle "the input was wrong"."""


class SettingsError(VitrineError):
    """A settings, brand-kit or recipe file says something it may not say."""


class CatalogError(VitrineError):
    """The product table cannot be read, or rows of it are wrong."""


class PhotoRefused(VitrineError):
    """A source photo cannot become a product picture; `code` is the machine-readable reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CutoutRefused(VitrineError):
    """The product could not be told from its background with confidence."""


class ModelError(VitrineError):
    """A base model or LoRA is missing, altered, or does not fit."""


class LicenseNotCleared(ModelError):
    """A model is there, and its license forbids what it would be used for, or nobody has accepted its conditions."""


class TrainingError(VitrineError):
    """A LoRA cannot be trained, or what was trained is unusable."""


class RenderError(VitrineError):
    """A recipe could not make its picture."""


class GateError(VitrineError):
    """Measurements or rules are incomplete, so nothing can be judged."""


class PublishRefused(VitrineError):
    """Something without a current approval was about to be published."""


class LoraRefused(VitrineError):
    """A LoRA cannot be taken into use, imported or exported as it was asked for."""


class DecisionRefused(VitrineError):
    """A reviewer's decision about a picture cannot be taken: another was first, or it lacks its reason."""


class LeaseRefused(VitrineError):
    """Another run works on this cell or LoRA, or took it over meanwhile."""


class StoreError(VitrineError):
    """The object store or ledger is unreachable, full or inconsistent."""


class StoreBusy(StoreError):
    """The store did not answer, or was taken by others, for longer than we wait; the same step may succeed later, unchanged."""
