"""What a reviewer may say is wrong with a picture, and which measurements should have noticed it.

A rejection may carry one of these words, or the very column of a rule. Nobody has to say any; what was said is a label that thresholds
can be learned from.
"""

from collections.abc import Mapping
from typing import Final

from catalog.errors import DecisionRefused
from quality.columns import COLUMNS

FAULTS: Final[Mapping[str, str]] = {
    "color": "The color is not the product's",
    "shape": "The shape is bent, stretched or cut",
    "fringe": "A fringe or halo around the product",
    "text": "Text, a mark or a second thing in the picture",
    "shadow": "The shadow is missing or wrong",
    "other": "Something else, said in words",
}
"""What is wrong, in the words of people who do not know the columns."""

COLUMNS_OF: Final[Mapping[str, frozenset[str]]] = {
    "color": frozenset(
        "delta_e_mean delta_e_p95 color_shift_delta_e lightness_shift tone_gain target_delta_e local_change_delta_ab tint_delta_ab "
        "hue_shift_deg chroma_shift clipped_added_pct hue_kept_delta_e kept_delta_e target_mean_delta_e target_median_delta_e recolored_pct part_agreement_pct worn_delta_e "
        "companion_kept_delta_e companion_target_delta_e".split()
    ),
    "shape": frozenset(
        "squash_pct warp_px shift_px ssim ssim_tile_p1 structure_tile_p5 gmsd fill_pct margin_min_pct expansion_pct eaten_pct "
        "aspect_error_pct structure_ssim garment_changed_pct scale_mismatch_pct worn_area_pct "
        "asked_size_error_pct companion_structure_ssim companion_scale_error_pct".split()
    ),
    "fringe": frozenset({"halo_delta_e", "halo_step", "halo_share_pct"}),
    "text": frozenset(
        "extra_edge_permille local_change_delta_l background_delta_e foreign_object_pct text_contrast overlay_pct twin_similarity "
        "loose_parts_pct mannequin_left_pct garment_loose_pct text_on_product_pct words_overlap_pct".split()
    ),
    "shadow": frozenset({"contact_delta_l", "shadow_lost_delta_l", "shadow_gap_pct", "shadow_chroma", "companion_contact_delta_l"}),
    "other": frozenset(),
}
"""The measurements that each should have shown in."""

IN_WORDS: Final = frozenset[str]().union(*COLUMNS_OF.values())
"""The measurements that some word stands for."""

IN_NO_WORD: Final = frozenset(
    {
        *("min_side_px", "file_kb", "jpeg_quality", "blockiness_ratio"),  # the file
        *("edge_gain", "fine_detail_ratio", "noise_added", "tone_ripple", "entropy_bits"),  # sharpness, noise, lost levels
        *(
            "white_share_pct",
            "border_min_rgb",
            "background_noise",
            "background_std",
            "background_clipped_pct",
            "banding_comb",
            "pure_white_pct",
            "edge_contrast_delta_e",
        ),  # the ground
        *("palette_delta_e", "palette_off_share_pct", "scene_repeat", "scene_garish_pct", "scene_one_color_pct"),  # the scene
        *("offset_pct", "border_touch_pct", "companion_hidden_pct", "companion_margin_pct"),  # where products stand
        *("exposure_ev", "highlight_lightness", "white_chroma", "noise_gain", "sharpness_gain", "overshoot_delta_l"),  # what enhancing did
        *(
            "text_ink_pct",
            "text_height_pct",
            "text_margin_pct",
            "text_top_pct",
            "text_bottom_pct",
            "story_letters",
            "logo_clear_pct",
        ),  # setting of type
        *("dimension_error_pct", "dimension_gap_pct", "reference_shape_iou"),  # a scale card's drawing
        *("repeat_error_pct", "shading_correlation", "inside_drawn_pct"),  # a covering, an inside
        *("worn_features", "synthetic_performer"),  # a person's picture
    }
)
"""Measurements with a rule in a recipe's pack that no word stands for: a reviewer names them as they are, or says "other"."""


def columns_of_fault(fault: str | None) -> frozenset[str]:
    """The columns of which one should have spoken, by what a decision says; none where nothing was said that a column measures."""
    if fault is None:
        return frozenset()
    return COLUMNS_OF[fault] if fault in COLUMNS_OF else frozenset({fault})


def known_fault(fault: str | None) -> str | None:
    """A fault as it is stored; None where nothing was said. Raises DecisionRefused for a word that is none, and no column."""
    if not fault:
        return None
    if fault not in FAULTS and fault not in COLUMNS:
        raise DecisionRefused(f"{fault!r} is no fault. Say {', '.join(FAULTS)}, or a measured column. Nothing was decided.")
    return fault
