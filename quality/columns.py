"""The columns of the measurement table: name, unit, range, source and meaning of everything a rule may name. Measures nothing; see measurements.py."""

from dataclasses import dataclass

MEASUREMENT_VERSION = "9"
"""Raised whenever the same render may measure differently; part of the gate key."""

Measurements = dict[str, float | str | None]


def measurement_version(weights_digest: str = "") -> str:
    """Version under which measurements are stored: MEASUREMENT_VERSION, with the digest of the learned weights where there are any."""
    return f"{MEASUREMENT_VERSION}+{weights_digest}" if weights_digest else MEASUREMENT_VERSION


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a measurement is: its unit, the values it can take, where it comes from, and what it tells."""

    unit: str
    low: float | None
    high: float | None
    source: str
    meaning: str


PALETTE_COLUMNS = ("palette_delta_e", "palette_off_share_pct")
"""Filled in when a render is judged, from `surroundings_hex` and the brand's palette of that day; see palette.py."""

SILHOUETTE_COLUMNS = ("product_width_px", "product_height_px")
SIZE_COLUMNS = ("size_known", "px_per_cm", "aspect_error_pct", "scale_mismatch_pct", "dimension_error_pct")
"""Filled in when a render is judged, from the silhouette and the catalog's size of that day; see proportions.py."""

NOT_EVALUATED = "not_evaluated"
LEARNED_COLUMNS = {"clip_caption_similarity": "clip", "clip_product_similarity": "clip", "dino_product_similarity": "dino"}
"""Columns that need weights, and of which family; see learned.py."""

_QUALITY = "quality reference, section 4.2"

COLUMNS: dict[str, Column] = {
    "min_side_px": Column(unit="px", low=1, high=None, source="file header", meaning="the shorter side"),
    "file_kb": Column(unit="KiB", low=0, high=None, source="file header", meaning="size of the file; 0 for a picture never encoded"),
    "file_format": Column(unit="name", low=None, high=None, source="file header", meaning="JPEG, PNG, WEBP, AVIF"),
    "icc_profile": Column(unit="name", low=None, high=None, source="file header", meaning="description of the color profile, or none"),
    "expected_known": Column(unit="0 or 1", low=0, high=1, source="evidence", meaning="whether the complete expected picture was given"),
    "white_share_pct": Column(unit="%", low=0, high=100, source=f"{_QUALITY}, 2", meaning="background pixels with every channel >= 254"),
    "pure_white_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="pixels of exactly 255 beyond 16 px from the product and its contact shadow"
    ),
    "border_min_rgb": Column(
        unit="level", low=0, high=255, source=f"{_QUALITY}, 2", meaning="1st percentile of the 8 px border's lowest channel"
    ),
    "edge_contrast_delta_e": Column(
        unit="Delta E 2000",
        low=0,
        high=None,
        source="own",
        meaning="difference of product and surroundings, at most, along the weakest quarter of its outline; not on white",
    ),
    "background_noise": Column(
        unit="level", low=0, high=None, source="Immerkaer 1996", meaning="noise sigma of the background (texture counts)"
    ),
    "background_std": Column(unit="level", low=0, high=128, source="own", meaning="spread of the background's lightness"),
    "background_clipped_pct": Column(unit="%", low=0, high=100, source="own", meaning="background pixels that are pure white or black"),
    "extra_edge_permille": Column(
        unit="permille", low=0, high=1000, source=f"{_QUALITY}, 14", meaning="background pixels on edges nobody expects"
    ),
    "background_delta_e": Column(
        unit="Delta E 76", low=0, high=None, source="own", meaning="p99.5 distance of the background to the expected one"
    ),
    "backdrop_delta_e": Column(
        unit="Delta E 2000", low=0, high=None, source="CIE 142-2001", meaning="median background against the asked color"
    ),
    "fill_pct": Column(unit="%", low=0, high=100, source=f"{_QUALITY}, 3", meaning="longer box direction as a share of the frame"),
    "margin_min_pct": Column(unit="%", low=-100, high=50, source=f"{_QUALITY}, 3", meaning="smallest margin around the product's box"),
    "offset_pct": Column(unit="%", low=0, high=100, source=f"{_QUALITY}, 3", meaning="offset of the box from the middle, worse direction"),
    "border_touch_pct": Column(unit="%", low=0, high=100, source="own", meaning="share of the frame's border that is product"),
    "loose_parts_pct": Column(unit="%", low=0, high=100, source="own", meaning="small pieces apart from the product, of its area"),
    "ssim": Column(unit="1", low=-1, high=1, source="Wang et al. 2004", meaning="mean SSIM of lightness inside the product"),
    "ssim_tile_p1": Column(unit="1", low=-1, high=1, source=f"{_QUALITY}, 7", meaning="contrast-structure of the worst tiles"),
    "structure_tile_p5": Column(
        unit="1", low=-1, high=1, source="own", meaning="correlation of lightness texture in the worst tiles; ignores contrast"
    ),
    "gmsd": Column(unit="1", low=0, high=1, source="Xue et al. 2013", meaning="spread of gradient similarity inside the product"),
    "local_change_delta_l": Column(
        unit="L*", low=0, high=None, source=f"{_QUALITY}, 9", meaning="largest smooth lightness change inside the product"
    ),
    "local_change_delta_ab": Column(
        unit="a*, b*", low=0, high=None, source="own", meaning="largest smooth chroma change inside the product"
    ),
    "shift_px": Column(unit="px at <= 1 MP", low=0, high=None, source="Lucas & Kanade 1981", meaning="displacement of the whole product"),
    "warp_px": Column(
        unit="px at <= 1 MP", low=0, high=None, source="Lucas & Kanade 1981", meaning="p90 displacement of tiles after the common shift"
    ),
    "squash_pct": Column(unit="%", low=0, high=None, source="ECC, Evangelidis 2008", meaning="difference of x and y scale"),
    "edge_gain": Column(unit="1", low=0, high=None, source="own", meaning="steepness of the product's edges, 1 = as expected"),
    "fine_detail_ratio": Column(
        unit="1", low=0, high=None, source=f"{_QUALITY}, 4", meaning="fine detail inside the product, 1 = as expected"
    ),
    "noise_added": Column(
        unit="level", low=None, high=None, source="Immerkaer 1996", meaning="noise sigma added in flat parts; negative: removed"
    ),
    "halo_delta_e": Column(
        unit="Delta E 76", low=0, high=None, source=f"{_QUALITY}, 10", meaning="p90 fringe 1-4 px outside, chroma halved"
    ),
    "halo_step": Column(
        unit="L*", low=0, high=None, source=f"{_QUALITY}, 10b", meaning="fringe against the near surroundings, without reference"
    ),
    "contact_delta_l": Column(
        unit="L*", low=None, high=None, source="own", meaning="how much darker the ground is right below the product"
    ),
    "shadow_due": Column(
        unit="0 or 1",
        low=0,
        high=1,
        source="the plan",
        meaning="whether a shadow is to be seen: not where the recipe as planned has none (`shadow: 0`), nor where the expected picture is known",
    ),
    "shadow_lost_delta_l": Column(
        unit="L*", low=None, high=None, source="own", meaning="how much lighter the foot's surroundings are than expected"
    ),
    "banding_comb": Column(
        unit="1", low=0, high=1, source="own", meaning="levels of a smooth background piling up at even distances (16 to 32 levels left)"
    ),
    "tone_ripple": Column(unit="level", low=0, high=None, source="own", meaning="sawtooth of the tone curve: levels were thrown away"),
    "blockiness_ratio": Column(
        unit="1", low=0, high=None, source=f"{_QUALITY}, 11", meaning="8-px grid steps relative to the expected picture"
    ),
    "jpeg_quality": Column(
        unit="1..100",
        low=1,
        high=100,
        source="ITU-T T.81, annex K",
        meaning="lowest JPEG quality the picture was ever saved at, 100 unknown",
    ),
    "entropy_bits": Column(unit="bit", low=0, high=8, source=f"{_QUALITY}, 16", meaning="entropy of the gray levels"),
    "flat_blocks_pct": Column(unit="%", low=0, high=100, source=f"{_QUALITY}, 16", meaning="sixteenths of the side without any structure"),
    "delta_e_mean": Column(
        unit="Delta E 2000", low=0, high=None, source=f"{_QUALITY}, 5", meaning="mean color difference inside the product"
    ),
    "delta_e_p95": Column(unit="Delta E 2000", low=0, high=None, source=f"{_QUALITY}, 5", meaning="95th percentile color difference"),
    "color_shift_delta_e": Column(unit="Delta E 76", low=0, high=None, source=f"{_QUALITY}, 4.4", meaning="length of the median Lab shift"),
    "lightness_shift": Column(unit="L*", low=-100, high=100, source="own", meaning="median lightness shift"),
    "tone_gain": Column(
        unit="1", low=None, high=None, source="own", meaning="slope of levels over expected levels; 1.2 is 1.2 times brighter"
    ),
    "clipped_added_pct": Column(unit="%", low=-100, high=100, source=f"{_QUALITY}, 16", meaning="product pixels that became clipped"),
    "target_delta_e": Column(
        unit="Delta E 2000", low=0, high=None, source="CIE 142-2001, kL = 2", meaning="recolored part against its target color"
    ),
    "recolored_pct": Column(unit="%", low=0, high=100, source="own", meaning="share of the product that changed color"),
    # A product changed on purpose: color, material, pattern.
    "part_agreement_pct": Column(
        unit="%",
        low=0,
        high=100,
        source="own",
        meaning="overlap (IoU) of the part that the renderer says it changed with the main material as found anew; 100 where a mask gave the part",
    ),
    "kept_delta_e": Column(
        unit="Delta E 2000", low=0, high=None, source="CIE 142-2001", meaning="mean color change of the parts that were not to be changed"
    ),
    "target_mean_delta_e": Column(
        unit="Delta E 2000",
        low=0,
        high=None,
        source="CIE 142-2001",
        meaning="mean of the recolored part's pixels, brought to the target's lightness, against the target",
    ),
    "target_median_delta_e": Column(
        unit="Delta E 2000",
        low=0,
        high=None,
        source="CIE 142-2001",
        meaning="middle color of the recolored part against the target, lightness and all",
    ),
    "shading_correlation": Column(
        unit="1",
        low=-1,
        high=1,
        source="own",
        meaning="correlation of the changed part's smoothed lightness with the photo's; 1 if that is flat",
    ),
    "structure_ssim": Column(
        unit="1",
        low=-1,
        high=1,
        source="Wang et al. 2004",
        meaning="mean SSIM of the changed part's lightness, brought to the photo's mean and spread",
    ),
    "repeat_error_pct": Column(
        unit="%", low=0, high=None, source="own, Fourier transform", meaning="repeat of a pattern in the picture against its centimeters"
    ),
    # The product's outline, what is beside it, its tint.
    "expansion_pct": Column(
        unit="%", low=0, high=None, source="own", meaning="what continues the product beyond its silhouette, of the product's area"
    ),
    "eaten_pct": Column(
        unit="%",
        low=0,
        high=100,
        source="own",
        meaning="what shows background inside the silhouette, from its edge on, of the product's area",
    ),
    "foreign_object_pct": Column(
        unit="%",
        low=0,
        high=100,
        source="own",
        meaning="area of the largest thing beside the product that should not be there, of the frame",
    ),
    "tint_delta_ab": Column(
        unit="a*, b*", low=0, high=None, source="own", meaning="mean shift of the product's chroma plane where no channel is cut off"
    ),
    "hue_shift_deg": Column(
        unit="degrees", low=0, high=180, source="own", meaning="turn of the product's hue, weighted by chroma; 0 for a gray product"
    ),
    "chroma_shift": Column(
        unit="a*, b*", low=None, high=None, source="own", meaning="mean change of the product's chroma; negative: paler than expected"
    ),
    "twin_similarity": Column(
        unit="1", low=0, high=1, source="own", meaning="likeness of the product's picture to the best match elsewhere in a scene"
    ),
    "overlay_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="share of the product under thin strokes that all lighten or all darken it"
    ),
    "halo_share_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="share of the outline along which a fringe stands out, without reference"
    ),
    "product_width_px": Column(unit="px", low=0, high=None, source="own", meaning="width of the product's silhouette in the picture"),
    "product_height_px": Column(unit="px", low=0, high=None, source="own", meaning="height of the product's silhouette in the picture"),
    "size_known": Column(
        unit="0 or 1", low=0, high=1, source="catalog", meaning="whether the catalog tells the product's width and height"
    ),
    "px_per_cm": Column(unit="px/cm", low=0, high=None, source="catalog", meaning="pixels of the picture per centimeter of the product"),
    "aspect_error_pct": Column(
        unit="%",
        low=0,
        high=None,
        source="own, catalog",
        meaning="silhouette's width by height beyond what the catalog's size can look like",
    ),
    # What surrounds the product.
    "surroundings_hex": Column(
        unit="name",
        low=None,
        high=None,
        source="k-means in Lab, 10 colors",
        meaning="colors around the product with their shares in percent",
    ),
    "palette_delta_e": Column(
        unit="Delta E 2000",
        low=0,
        high=None,
        source="CIE 142-2001, kL = 2",
        meaning="surroundings against the brand's palette, mean by area",
    ),
    "palette_off_share_pct": Column(
        unit="%", low=0, high=100, source="CIE 142-2001, kL = 2", meaning="surroundings further than 15 from every color of the palette"
    ),
    "scene_repeat": Column(
        unit="1", low=0, high=1, source="own, autocorrelation", meaning="agreement of the scene's texture with itself moved by 8 % or more"
    ),
    "scene_garish_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="surroundings with one channel >= 245 and another <= 10: all the color sRGB has"
    ),
    "scene_one_color_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="surroundings within 6 levels of their most frequent color"
    ),
    "shadow_gap_pct": Column(
        unit="%", low=0, high=25, source="own", meaning="lit ground between foot and shadow, of the product's height; 0 without shadow"
    ),
    "shadow_chroma": Column(
        unit="a*, b*", low=0, high=None, source="own", meaning="color of the shadow against the ground beside it, both scaled to L 50"
    ),
    # Staged products: their size as planned, and the second one of a pair.
    "asked_size_known": Column(
        unit="0 or 1", low=0, high=1, source="the plan", meaning="whether the recipe as planned says how high the product is to be shown"
    ),
    "asked_size_error_pct": Column(
        unit="%", low=0, high=None, source="own, the plan", meaning="product's height in the frame against the height planned for it"
    ),
    "companion_known": Column(
        unit="0 or 1",
        low=0,
        high=1,
        source="the plan, else the renderer's facts",
        meaning="whether a second product, in another color, is to stand beside the first",
    ),
    "companion_hidden_pct": Column(unit="%", low=0, high=100, source="own", meaning="share of the second product that the first one hides"),
    "companion_scale_error_pct": Column(
        unit="%", low=0, high=None, source="own", meaning="height of the second product against that of the first"
    ),
    "companion_margin_pct": Column(unit="%", low=-100, high=50, source="own", meaning="smallest margin around the second product's box"),
    "companion_contact_delta_l": Column(
        unit="L*", low=None, high=None, source="own", meaning="how much darker the ground is right below the second product"
    ),
    "companion_kept_delta_e": Column(
        unit="Delta E 2000", low=0, high=None, source="CIE 142-2001", meaning="mean color change of the second product's other parts"
    ),
    "companion_target_delta_e": Column(
        unit="Delta E 2000",
        low=0,
        high=None,
        source="CIE 142-2001",
        meaning="mean of the second product's changed part, at the target's lightness, against the target",
    ),
    "companion_structure_ssim": Column(
        unit="1", low=-1, high=1, source="Wang et al. 2004", meaning="mean SSIM of the second product's changed part against the photo"
    ),
    # A garment whose mannequin was taken out.
    "mannequin_left_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="share of the mannequin, found anew in the cut-out, that is still to be seen"
    ),
    "garment_changed_pct": Column(
        unit="%",
        low=0,
        high=100,
        source="CIE 1976, 4",
        meaning="share of the garment beyond its rim whose pixels are others than in its photo",
    ),
    "inside_drawn_pct": Column(
        unit="%", low=0, high=None, source="own", meaning="what was drawn of the garment's inside, of the garment's area"
    ),
    "garment_loose_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="share of the garment that lies apart from its largest part"
    ),
    # The product worn or held by a synthetic person.
    "worn_features": Column(
        unit="features",
        low=0,
        high=None,
        source="SIFT, Lowe 2004",
        meaning="features of the product that agree on one affine map into the picture",
    ),
    "worn_delta_e": Column(
        unit="Delta E 2000",
        low=0,
        high=None,
        source="CIE 142-2001, kL = 2",
        meaning="the product's colors where it is worn, or the nearest there are",
    ),
    "worn_area_pct": Column(unit="%", low=0, high=None, source="own", meaning="what the worn product, or its colors, take of the picture"),
    "synthetic_performer": Column(
        unit="0 or 1", low=0, high=1, source="the recipe's kind", meaning="whether a person is shown who does not exist"
    ),
    "text_known": Column(
        unit="0 or 1", low=0, high=1, source="renderer's facts", meaning="whether text is named that stands on the picture"
    ),
    "story_text_known": Column(
        unit="0 or 1", low=0, high=1, source="renderer's facts", meaning="whether there is text on an upright frame of 1.7 times its width"
    ),
    "text_contrast": Column(
        unit="1", low=1, high=21, source="WCAG 2.2, 1.4.3", meaning="contrast ratio of text and what is behind it, p10 of the worst block"
    ),
    "text_height_pct": Column(
        unit="%", low=0, high=None, source="renderer's facts", meaning="smallest line of text, of the frame's shorter side"
    ),
    "text_on_product_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="share of a text block that lies on the product, the worst"
    ),
    "text_margin_pct": Column(
        unit="%", low=None, high=50, source="renderer's facts", meaning="smallest distance of text to an edge, of the shorter side"
    ),
    "text_left_pct": Column(unit="%", low=None, high=100, source="renderer's facts", meaning="left part of the width without text"),
    "text_right_pct": Column(unit="%", low=None, high=100, source="renderer's facts", meaning="right part of the width without text"),
    "text_top_pct": Column(unit="%", low=None, high=100, source="renderer's facts", meaning="upper part of the height without text"),
    "text_bottom_pct": Column(unit="%", low=None, high=100, source="renderer's facts", meaning="lower part of the height without text"),
    # Of advertisements.
    "text_ink_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="share of the emptiest stated text block that is of the text's color"
    ),
    "words_overlap_pct": Column(
        unit="%", low=0, high=100, source="renderer's facts", meaning="share of a text block that lies on another one, the worst"
    ),
    "logo_known": Column(
        unit="0 or 1", low=0, high=1, source="renderer's facts", meaning="whether a logo is named that stands on the picture"
    ),
    "logo_clear_pct": Column(
        unit="%", low=0, high=100, source="own", meaning="distance from the logo to anything else, of the logo's height, up to 100"
    ),
    "story_letters": Column(
        unit="letters",
        low=0,
        high=None,
        source="own",
        meaning="letters in the parts of a story that apps cover with their own; 0 in other formats",
    ),
    # Of scale cards.
    "reference_px_per_cm": Column(unit="px/cm", low=0, high=None, source="own", meaning="scale of the drawn object of known size"),
    "reference_shape_iou": Column(
        unit="1", low=0, high=1, source="own", meaning="overlap of the drawn object with the known one it is most like, 1 its very outline"
    ),
    "scale_mismatch_pct": Column(
        unit="%", low=0, high=None, source="own, catalog", meaning="product's pixels per centimeter against those of the object beside it"
    ),
    "dimension_height_px": Column(unit="px", low=0, high=None, source="own", meaning="length of the upright dimension line"),
    "dimension_width_px": Column(unit="px", low=0, high=None, source="own", meaning="length of the level dimension line"),
    "dimension_gap_pct": Column(
        unit="%",
        low=0,
        high=None,
        source="own",
        meaning="worst distance of a dimension line's end to the product's edge, of its longer side",
    ),
    "dimension_error_pct": Column(
        unit="%",
        low=0,
        high=None,
        source="own, catalog",
        meaning="dimension line against its label's centimeters at the drawn object's scale",
    ),
    # Of enhanced photos alone.
    "hue_kept_delta_e": Column(
        unit="Delta E 2000",
        low=0,
        high=None,
        source="CIE 142-2001, at equal lightness",
        meaning="p95 change of the product's hue and chroma beside the white balance",
    ),
    "exposure_ev": Column(
        unit="stops", low=None, high=None, source="own", meaning="how far the product was brightened, at its middle tone"
    ),
    "overshoot_delta_l": Column(
        unit="L*",
        low=0,
        high=None,
        source="own",
        meaning="p99.5 by which product pixels pass all their neighbors in the photo: halos of sharpening",
    ),
    "sharpness_gain": Column(
        unit="1",
        low=0,
        high=None,
        source="own",
        meaning="steepness of the product's edges, 1 = as in the photo so exposed; 1 without edges",
    ),
    "noise_gain": Column(
        unit="1", low=0, high=None, source="Immerkaer 1996", meaning="noise of flat parts, 1 = as in the photo so exposed"
    ),
    "white_chroma": Column(
        unit="a*, b*",
        low=0,
        high=None,
        source="own",
        meaning="color left where the white balance says there is none; 0 where it names no such place",
    ),
    "highlight_lightness": Column(unit="L*", low=0, high=100, source="own", meaning="lightness of the picture's brightest half percent"),
    # By learned models, if their weights are installed.
    "learned_weights": Column(
        unit="name", low=None, high=None, source="settings, `learned`", meaning="weights by family and digest, not_evaluated without"
    ),
    "clip_caption_similarity": Column(
        unit="1",
        low=-1,
        high=1,
        source="CLIP, Radford et al. 2021",
        meaning="cosine similarity of the picture and the prompt it was drawn by",
    ),
    "clip_product_similarity": Column(
        unit="1",
        low=-1,
        high=1,
        source="CLIP, Radford et al. 2021",
        meaning="cosine similarity of the product in the picture and in its photo",
    ),
    "dino_product_similarity": Column(
        unit="1",
        low=-1,
        high=1,
        source="DINOv2, Oquab et al. 2023",
        meaning="cosine similarity of the product in the picture and in its photo",
    ),
}
"""Every measurement that a rule may name."""
