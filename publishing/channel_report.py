"""What the catalog report shows of channels with rules of their own: how many approved pictures each takes, and which not, as plain values."""

from dataclasses import dataclass

from catalog.verdict import Reason


@dataclass(frozen=True, kw_only=True)
class RefusedPicture:
    """An approved picture that a channel does not take, and why."""

    sku: str
    product_title: str
    recipe: str
    index: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, kw_only=True)
class ChannelReport:
    """One channel held to a pack. `refused_for` and `recommended`: codes with how many pictures, most frequent first; `pictures` may be a part."""

    channel: str
    title: str
    taken: int
    refused: int
    not_judged: int
    refused_for: tuple[tuple[str, int], ...] = ()
    recommended: tuple[tuple[str, int], ...] = ()
    pictures: tuple[RefusedPicture, ...] = ()
