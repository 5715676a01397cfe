"""The layouts of advertisements: where product, words, logo and colored shapes stand in a frame. Draws nothing; see poster.py.

Everything stands inside the safe area: the frame without its margins, in a story also without what apps cover with their own buttons.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from generation.poster_frame import Frame, Layout, Shape, Slot


def _classic(frame: Frame) -> Layout:
    """Headline above, product in the middle, price and button in the bottom corners, on lit paper."""
    b = frame.box
    if frame.is_wide:
        return Layout(
            stack=("headline", "subline"),
            product=b(0.35, 0.05, 0.69, 0.97),
            logo=Slot(box=b(0, 0, 0.32, 0.11)),
            slots={
                "headline": Slot(box=b(0, 0.2, 0.33, 0.74), upright="middle", face="headline", largest=0.105, smallest=0.045, lines=4),
                "subline": Slot(box=b(0, 0.77, 0.33, 1), upright="top", lines=3),
                "price": Slot(
                    box=b(0.72, 0.3, 1, 0.56), align="right", upright="bottom", face="strong", largest=0.12, smallest=0.05, lines=1
                ),
                "call_to_action": Slot(box=b(0.72, 0.62, 1, 0.76), align="right", upright="top", face="strong", largest=0.038, lines=1),
            },
            sweep=True,
        )
    return Layout(
        stack=("headline", "subline"),
        product=b(0.1, 0.37, 0.9, 0.85),
        logo=Slot(box=b(0.2, 0, 0.8, 0.065), align="center"),
        slots={
            "headline": Slot(
                box=b(0.02, 0.105, 0.98, 0.255), align="center", upright="middle", face="headline", largest=0.1, smallest=0.042, lines=2
            ),
            "subline": Slot(box=b(0.08, 0.268, 0.92, 0.335), align="center", largest=0.032, lines=2),
            "price": Slot(box=b(0, 0.9, 0.45, 1), upright="middle", face="strong", largest=0.085, smallest=0.04, lines=1),
            "call_to_action": Slot(box=b(0.5, 0.9, 1, 1), align="right", upright="middle", face="strong", largest=0.04, lines=1),
        },
        sweep=True,
    )


def _split(frame: Frame) -> Layout:
    """Two tones: words on the ground, the product on a panel of the accent color."""
    b = frame.box
    if frame.is_wide:
        return Layout(
            stack=("headline", "subline"),
            product=b(0.53, 0.05, 0.99, 0.95),
            shapes=(Shape(kind="polygon", points=frame.full(0.5, 0, 1, 1)),),
            logo=Slot(box=b(0, 0, 0.4, 0.11)),
            slots={
                "headline": Slot(box=b(0, 0.19, 0.46, 0.56), upright="bottom", face="strong", largest=0.095, smallest=0.045, lines=3),
                "subline": Slot(box=b(0, 0.6, 0.46, 0.75), lines=2),
                "price": Slot(box=b(0, 0.84, 0.2, 1), upright="middle", face="strong", largest=0.075, smallest=0.04, lines=1),
                "call_to_action": Slot(box=b(0.22, 0.84, 0.46, 1), align="left", upright="middle", face="strong", largest=0.04, lines=1),
            },
        )
    return Layout(
        stack=("headline", "subline"),
        product=b(0.36, 0.42, 1.0, 0.985),
        shapes=(Shape(kind="polygon", points=frame.full(0.3, 0.365, 1, 1)),),
        logo=Slot(box=b(0, 0, 0.6, 0.065)),
        slots={
            "headline": Slot(box=b(0, 0.1, 0.95, 0.27), upright="middle", face="strong", largest=0.092, smallest=0.042, lines=2),
            "subline": Slot(box=b(0, 0.285, 0.9, 0.345), largest=0.03, lines=2),
            "price": Slot(box=b(0, 0.55, 0.26, 0.68), upright="bottom", face="strong", largest=0.075, smallest=0.034, lines=1),
            "call_to_action": Slot(box=b(0, 0.72, 0.26, 0.83), upright="top", face="strong", largest=0.03, smallest=0.024, lines=2),
        },
    )


def _band(frame: Frame) -> Layout:
    """The product above, all words on a deep band of the accent color below it (beside it, in a wide frame)."""
    b = frame.box
    if frame.is_wide:
        return Layout(
            stack=("headline", "subline"),
            product=b(0, 0.05, 0.5, 0.95),
            shapes=(Shape(kind="polygon", points=frame.full(0.56, 0, 1, 1)),),
            logo=Slot(box=b(0.62, 0, 0.98, 0.11), on="accent"),
            slots={
                "headline": Slot(
                    box=b(0.62, 0.2, 1, 0.5), upright="middle", face="headline", largest=0.08, smallest=0.042, lines=3, on="accent"
                ),
                "subline": Slot(box=b(0.62, 0.53, 1, 0.66), lines=2, on="accent"),
                "price": Slot(
                    box=b(0.62, 0.69, 1, 0.81), upright="middle", face="strong", largest=0.08, smallest=0.04, lines=1, on="accent"
                ),
                "call_to_action": Slot(box=b(0.62, 0.86, 1, 1), upright="bottom", face="strong", largest=0.04, lines=1, on="accent"),
            },
        )
    return Layout(
        stack=("headline", "subline"),
        product=b(0.06, 0.105, 0.94, 0.6),
        shapes=(Shape(kind="polygon", points=frame.full(0, 0.665, 1, 1)),),
        logo=Slot(box=b(0.0, 0, 0.5, 0.06)),
        slots={
            "headline": Slot(
                box=b(0, 0.705, 1, 0.82), upright="middle", face="headline", largest=0.075, smallest=0.04, lines=2, on="accent"
            ),
            "subline": Slot(box=b(0, 0.83, 1, 0.885), largest=0.03, lines=2, on="accent"),
            "price": Slot(box=b(0, 0.915, 0.45, 1), upright="bottom", face="strong", largest=0.07, smallest=0.04, lines=1, on="accent"),
            "call_to_action": Slot(
                box=b(0.5, 0.915, 1, 1), align="right", upright="bottom", face="strong", largest=0.04, lines=1, on="accent"
            ),
        },
    )


def _disc(frame: Frame) -> Layout:
    """The product before a large disc, the price on a badge of its own, words in the left column."""
    b = frame.box
    if frame.is_wide:
        x0, y0, x1, y1 = b(0.56, 0.0, 1, 1)
        side = min(x1 - x0, y1 - y0) * 1.08
        middle = (x0 + x1) / 2, (y0 + y1) / 2
        return Layout(
            stack=("headline", "subline"),
            product=b(0.6, 0.08, 0.96, 0.9),
            shapes=(Shape(kind="oval", box=(middle[0] - side / 2, middle[1] - side / 2, middle[0] + side / 2, middle[1] + side / 2)),),
            logo=Slot(box=b(0, 0.89, 0.3, 1)),
            slots={
                "headline": Slot(box=b(0, 0, 0.5, 0.42), upright="top", face="headline", largest=0.12, smallest=0.045, lines=3),
                "subline": Slot(box=b(0, 0.45, 0.48, 0.6), lines=2),
                "price": Slot(box=b(0, 0.63, 0.22, 0.8), upright="middle", face="strong", largest=0.09, smallest=0.04, lines=1),
                "call_to_action": Slot(box=b(0.24, 0.63, 0.5, 0.8), upright="middle", face="strong", largest=0.042, lines=1),
            },
        )
    x0, y0, x1, y1 = b(0, 0.27, 1, 0.87)
    side = min(x1 - x0, y1 - y0) * 1.02
    right, bottom = x1 + 0.02 * (x1 - x0), y1
    return Layout(
        stack=("headline", "subline"),
        product=(right - side * 0.86, bottom - side * 0.86, right - side * 0.14, bottom - side * 0.12),
        shapes=(Shape(kind="oval", box=(right - side, bottom - side, right, bottom)),),
        logo=Slot(box=b(0, 0.94, 0.45, 1), upright="bottom"),
        slots={
            "headline": Slot(box=b(0, 0, 0.86, 0.165), upright="top", face="headline", largest=0.098, smallest=0.042, lines=2),
            "subline": Slot(box=b(0, 0.175, 0.7, 0.245), largest=0.03, lines=2),
            "price": Slot(box=b(0, 0.805, 0.27, 0.89), upright="bottom", face="strong", largest=0.085, smallest=0.034, lines=1),
            "call_to_action": Slot(box=b(0.5, 0.92, 1, 1), align="right", upright="middle", face="strong", largest=0.04, lines=1),
        },
    )  # fmt: skip


def _editorial(frame: Frame) -> Layout:
    """A thin frame, everything centered, the headline below the product, like a page of a magazine."""
    b = frame.box
    inset = 0.03 * frame.unit
    line = (Shape(kind="line", box=(inset, inset, frame.width - inset, frame.height - inset)),)
    if frame.is_wide:
        return Layout(
            stack=("headline", "subline", "price"),
            product=b(0.03, 0.06, 0.46, 0.94),
            shapes=line,
            dark=True,
            logo=Slot(box=b(0.55, 0.04, 0.95, 0.14), align="center"),
            slots={
                "headline": Slot(
                    box=b(0.52, 0.24, 0.98, 0.54), align="center", upright="middle", face="headline", largest=0.09, smallest=0.045, lines=3
                ),
                "subline": Slot(box=b(0.54, 0.57, 0.96, 0.69), align="center", lines=2),
                "price": Slot(
                    box=b(0.56, 0.72, 0.94, 0.81), align="center", upright="middle", face="text", largest=0.055, smallest=0.036, lines=1
                ),
                "call_to_action": Slot(
                    box=b(0.56, 0.85, 0.94, 0.96), align="center", upright="bottom", face="strong", largest=0.04, lines=1
                ),
            },
        )
    return Layout(
        stack=("headline", "subline", "price"),
        product=b(0.08, 0.125, 0.92, 0.6),
        shapes=line,
        dark=True,
        logo=Slot(box=b(0.2, 0.015, 0.8, 0.08), align="center"),
        slots={
            "headline": Slot(
                box=b(0.05, 0.645, 0.95, 0.76), align="center", upright="middle", face="headline", largest=0.08, smallest=0.042, lines=2
            ),
            "subline": Slot(box=b(0.08, 0.775, 0.92, 0.835), align="center", largest=0.029, lines=2),
            "price": Slot(
                box=b(0.2, 0.85, 0.8, 0.897), align="center", upright="middle", face="text", largest=0.05, smallest=0.034, lines=1
            ),
            "call_to_action": Slot(box=b(0.2, 0.915, 0.8, 0.985), align="center", upright="bottom", face="strong", largest=0.032, lines=1),
        },
    )


def _price(frame: Frame) -> Layout:
    """The price as large as the frame allows, the product low on one side, on a dark ground."""
    b = frame.box
    if frame.is_wide:
        return Layout(
            stack=("price", "headline"),
            product=b(0.6, 0.04, 1.0, 0.98),
            dark=True,
            headline_alone=Slot(box=b(0, 0.2, 0.56, 0.81), upright="middle", face="strong", largest=0.13, smallest=0.034, lines=4),
            logo=Slot(box=b(0, 0, 0.3, 0.11)),
            slots={
                "price": Slot(box=b(0, 0.2, 0.56, 0.62), upright="middle", face="strong", largest=0.34, smallest=0.1, lines=1),
                "headline": Slot(box=b(0, 0.66, 0.56, 0.81), upright="middle", face="strong", largest=0.055, smallest=0.034, lines=2),
                "call_to_action": Slot(box=b(0, 0.86, 0.4, 1), upright="bottom", face="strong", largest=0.04, lines=1),
            },
        )
    return Layout(
        stack=("price", "headline"),
        product=b(0.2, 0.42, 1.0, 0.87),
        dark=True,
        headline_alone=Slot(box=b(0, 0, 1, 0.375), upright="top", face="strong", largest=0.14, smallest=0.036, lines=3),
        logo=Slot(box=b(0.56, 0.94, 1, 1), align="right", upright="bottom"),
        slots={
            "price": Slot(box=b(0, 0, 1, 0.235), upright="middle", face="strong", largest=0.34, smallest=0.1, lines=1),
            "headline": Slot(box=b(0, 0.255, 0.95, 0.375), upright="top", face="strong", largest=0.055, smallest=0.036, lines=2),
            "call_to_action": Slot(box=b(0, 0.92, 0.48, 1), upright="bottom", face="strong", largest=0.04, lines=1),
        },
    )


def _arch(frame: Frame) -> Layout:
    """The product in an arch of the accent color, a narrow column of words on its side, the headline at the foot."""
    b = frame.box
    if frame.is_wide:
        return Layout(
            stack=("headline", "subline"),
            product=b(0.07, 0.2, 0.37, 0.93),
            shapes=(Shape(kind="arch", box=(*b(0.03, 0.02, 0.41, 1)[:3], float(frame.height))),),
            logo=Slot(box=b(0.74, 0.9, 1, 1), align="right", upright="bottom"),
            slots={
                "price": Slot(box=b(0.5, 0.02, 1, 0.18), align="right", upright="top", face="text", largest=0.075, smallest=0.04, lines=1),
                "headline": Slot(
                    box=b(0.48, 0.24, 1, 0.6), align="right", upright="middle", face="headline", largest=0.11, smallest=0.045, lines=3
                ),
                "subline": Slot(box=b(0.5, 0.63, 1, 0.77), align="right", lines=2),
                "call_to_action": Slot(box=b(0.48, 0.88, 0.68, 1), align="left", upright="bottom", face="strong", largest=0.032, lines=1),
            },
        )
    return Layout(
        product=b(0.03, 0.2, 0.67, 0.69),
        shapes=(Shape(kind="arch", box=b(0.0, 0.0, 0.7, 0.745)),),
        logo=Slot(box=b(0.76, 0.0, 1, 0.08), align="right"),
        slots={
            "headline": Slot(box=b(0, 0.785, 0.64, 0.985), upright="bottom", face="headline", largest=0.085, smallest=0.04, lines=3),
            "subline": Slot(box=b(0.735, 0.36, 1, 0.6), align="right", upright="bottom", largest=0.028, smallest=0.024, lines=7),
            "price": Slot(
                box=b(0.73, 0.63, 1, 0.745), align="right", upright="bottom", face="strong", largest=0.085, smallest=0.034, lines=1
            ),
            "call_to_action": Slot(
                box=b(0.68, 0.88, 1, 0.985), align="right", upright="bottom", face="strong", largest=0.03, smallest=0.024, lines=2
            ),
        },
    )


def _diagonal(frame: Frame) -> Layout:
    """A slanted cut between two tones, words at the upper left and lower right of it, the product across."""
    b = frame.box
    w, h = float(frame.width), float(frame.height)
    if frame.is_wide:
        return Layout(
            stack=("headline", "subline"),
            product=b(0.3, 0.04, 0.7, 0.96),
            shapes=(Shape(kind="polygon", points=((0.66 * w, 0), (w, 0), (w, h), (0.5 * w, h))),),
            logo=Slot(box=b(0, 0.91, 0.26, 1), upright="bottom"),
            slots={
                "headline": Slot(box=b(0, 0, 0.28, 0.6), upright="top", face="strong", largest=0.085, smallest=0.042, lines=5),
                "subline": Slot(box=b(0, 0.64, 0.27, 0.83), lines=3),
                "price": Slot(
                    box=b(0.76, 0.36, 1, 0.6),
                    align="right",
                    upright="bottom",
                    face="strong",
                    largest=0.11,
                    smallest=0.04,
                    lines=1,
                    on="accent",
                ),
                "call_to_action": Slot(
                    box=b(0.74, 0.66, 1, 0.8), align="right", upright="top", face="strong", largest=0.04, lines=1, on="accent"
                ),
            },
        )
    cut = frame.safe[1] + 0.7 * (frame.safe[3] - frame.safe[1])
    rise = 0.22 * (frame.safe[3] - frame.safe[1])
    return Layout(
        product=b(0.02, 0.27, 0.72, 0.78),
        shapes=(Shape(kind="polygon", points=((0, cut), (w, cut - rise), (w, h), (0, h))),),
        logo=Slot(box=b(0.5, 0.0, 1, 0.06), align="right"),
        slots={
            "headline": Slot(
                box=b(0.1, 0.09, 1, 0.22), align="right", upright="top", face="strong", largest=0.088, smallest=0.042, lines=2
            ),
            "subline": Slot(box=b(0, 0.845, 0.6, 0.915), largest=0.03, lines=2, on="accent"),
            "price": Slot(
                box=b(0.64, 0.79, 1, 0.9),
                align="right",
                upright="middle",
                face="strong",
                largest=0.085,
                smallest=0.04,
                lines=1,
                on="accent",
            ),
            "call_to_action": Slot(
                box=b(0.4, 0.925, 1, 1), align="right", upright="bottom", face="strong", largest=0.04, lines=1, on="accent"
            ),
        },
    )


def without_price(layout: Layout) -> dict[str, Slot]:
    """A layout's slots for a product without a price: what stood beside it moves to where it began."""
    slots = {role: slot for role, slot in layout.slots.items() if role != "price"}
    price, call = layout.slots["price"], slots["call_to_action"]
    if layout.headline_alone is not None:
        slots["headline"] = layout.headline_alone
    if price.align == call.align == "left" and price.box[1] < call.box[3] and call.box[1] < price.box[3]:
        slots["call_to_action"] = replace(call, box=(price.box[0], *call.box[1:]))
    return slots


LAYOUTS: Mapping[str, Callable[[Frame], Layout]] = {
    "classic": _classic,
    "band": _band,
    "disc": _disc,
    "price": _price,
    "arch": _arch,
    "editorial": _editorial,
    "split": _split,
    "diagonal": _diagonal,
}
"""Every layout by name, in the order in which concepts take them."""
