"""What published files say about themselves, in every format, whatever the catalog's texts hold."""

import io
from dataclasses import asdict, replace

import defusedxml.ElementTree as SafeElementTree
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catalog.brand_kit import Channel
from catalog.errors import PublishRefused
from catalog.keys import digest
from imaging.encode import MEDIA_TYPES, encode
from publishing.metadata import (
    MAX_TEXT_CHARS,
    SYNTHETIC_PERFORMER,
    PictureMetadata,
    histogram_in_words,
    metadata_digest,
    read_metadata,
    xmp_packet,
)
from publishing.rendition import make_rendition
from tests.publishing.shop import pixels

METADATA = PictureMetadata(
    title='Lamp "Orsa" <script>alert(1)</script> & söhne',
    description="Brass, 41 cm.\nDimmable.",
    alt_text="Lamp Orsa, brass. Staged scene, picture 1 of 2",
    digital_source_type="compositeWithTrainedAlgorithmicMedia",
    identifier="a" * 64,
    creator_tool="Vitrine 0.1.0",
    ai_system="Northwind base",
    ai_system_version="sha256:1234",
)


@pytest.mark.parametrize("image_format", sorted(MEDIA_TYPES))
def test_metadata_survives_in_every_format(image_format):
    channel = Channel(name="web", recipes=("any",), format=image_format, long_side_px=64)
    assert read_metadata(make_rendition(pixels(1), channel, xmp_packet(METADATA)).data) == METADATA


@pytest.mark.parametrize("image_format", ["jpeg", "webp", "png"])
def test_another_reader_finds_the_digital_source_type(image_format):
    """Pillow's own XMP reader stands for a shop's."""
    data = encode(pixels(1), image_format, xmp=xmp_packet(METADATA))
    with Image.open(io.BytesIO(data)) as file:
        file.load()
        description = file.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert description["DigitalSourceType"] == "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    assert description["CreatorTool"] == "Vitrine 0.1.0"


def test_the_prompt_is_left_out_unless_asked_for():
    assert b"AIPromptInformation" not in xmp_packet(METADATA)
    asked = replace(METADATA, ai_prompt="a plaster wall in warm light")
    assert read_metadata(encode(pixels(1), "png", xmp=xmp_packet(asked))).ai_prompt == "a plaster wall in warm light"


def test_an_enhanced_photo_tells_its_histograms_before_and_after():
    planes = [[31, 0, 969], [1, 2, 997], [0, 1000, 0]]
    told = replace(METADATA, histogram_before=histogram_in_words(planes), histogram_after="1; 2; 3")
    found = read_metadata(encode(pixels(1), "jpeg", xmp=xmp_packet(told)))
    assert found == told
    assert [[int(one) for one in plane.split()] for plane in str(found.histogram_before).split(";")] == planes
    assert metadata_digest(told) != metadata_digest(METADATA)


def test_a_person_who_does_not_exist_is_disclosed_in_words_and_for_programs_and_survives():
    shown = replace(METADATA, synthetic_performer=True)
    data = encode(pixels(1), "jpeg", xmp=xmp_packet(shown))
    assert read_metadata(data) == shown
    with Image.open(io.BytesIO(data)) as file:
        description = file.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert description["AddlModelInfo"] == SYNTHETIC_PERFORMER and description["SyntheticPerformer"] == "True"
    assert metadata_digest(shown) != metadata_digest(METADATA), "a file that lacks the disclosure is published again"


def test_what_files_without_people_say_is_what_they_said_before_there_were_people():
    """Their publish keys hold the digest: another one would write every file of a shop again."""
    came_later = ("creator_tool", "synthetic_performer", "histogram_before", "histogram_after")
    said = {name: value for name, value in asdict(METADATA).items() if name not in came_later}
    assert metadata_digest(METADATA) == digest(said) and b"vitrine" not in xmp_packet(replace(METADATA, creator_tool="any"))


def test_a_photograph_names_no_ai_system():
    photo = replace(METADATA, digital_source_type="digitalCapture", ai_system=None, ai_system_version=None)
    assert b"AISystem" not in xmp_packet(photo)


@given(st.text(max_size=200))
def test_any_text_gives_well_formed_xml(text):
    packet = xmp_packet(replace(METADATA, title="x" + text, alt_text=text))
    SafeElementTree.fromstring(packet)


def test_the_longest_texts_still_fit_into_a_jpeg():
    long = "😀&" * 20_000
    metadata = replace(METADATA, title=long, description=long, alt_text=long, ai_prompt=long, ai_system=long, ai_system_version=long)
    back = read_metadata(encode(pixels(1), "jpeg", xmp=xmp_packet(metadata)))
    assert len(back.title) == MAX_TEXT_CHARS
    assert back.title.endswith("…")


def test_a_file_saved_again_elsewhere_is_noticed():
    data = encode(pixels(1), "jpeg", xmp=xmp_packet(METADATA))
    with Image.open(io.BytesIO(data)) as file:
        again = io.BytesIO()
        file.convert("RGB").resize((32, 32)).save(again, "JPEG")
    with pytest.raises(PublishRefused, match="no XMP"):
        read_metadata(again.getvalue())


def test_an_unknown_source_type_is_noticed():
    packet = xmp_packet(METADATA).replace(b"compositeWithTrainedAlgorithmicMedia", b"somethingElse")
    with pytest.raises(PublishRefused, match="somethingElse"):
        read_metadata(encode(pixels(1), "png", xmp=packet))


def test_a_new_release_republishes_nothing_but_new_words_do():
    assert metadata_digest(METADATA) == metadata_digest(replace(METADATA, creator_tool="Vitrine 0.2.0"))
    assert metadata_digest(METADATA) != metadata_digest(replace(METADATA, alt_text="Another lamp"))
    assert metadata_digest(METADATA) != metadata_digest(replace(METADATA, digital_source_type="trainedAlgorithmicMedia"))
