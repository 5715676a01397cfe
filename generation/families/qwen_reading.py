"""What Qwen2.5-VL makes of an instruction and the pictures it speaks of: the prompt side of Qwen-Image-Edit.

Not by the stock pipelines' own method: with transformers 5 they drop which tokens are pictures (`mm_token_type_ids`), so that the encoder takes a
picture's patches for words in a row, not for places in a picture, and says nothing (https://github.com/huggingface/diffusers/issues/14194).
Shape legend: N tokens, D numbers per token.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
"""Where a picture stands in a prompt; the processor puts one mark per patch in its place."""


def load_processor(folder: Path) -> Any:
    """The processor of a folder (`processor/`, with the tokenizer of `tokenizer/`) for still pictures.

    Of the real class, without its part for videos: that one needs torchvision, which nothing else here does.
    """
    from transformers import Qwen2Tokenizer, Qwen2VLImageProcessorPil, Qwen2VLProcessor

    class StillPictureProcessor(Qwen2VLProcessor):  # type: ignore[misc]  # transformers is not typed for us, so its class is Any
        """Qwen2VLProcessor that takes no videos, and so needs no class of their processor to compare with."""

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            return type(argument)

    pictures = Qwen2VLImageProcessorPil.from_pretrained(str(folder / "processor"), local_files_only=True)
    return StillPictureProcessor(pictures, Qwen2Tokenizer.from_pretrained(str(folder / "tokenizer"), local_files_only=True), None)


def read_prompt(pipeline: Any, prompt: str, pictures: Sequence[Any]) -> Any:
    """Embedding (1, N, D) of an instruction and the pictures (PIL) it speaks of, in the frame that the pipeline was trained with.

    The frame's own first tokens are cut off, as the denoiser never saw them.
    """
    inputs = pipeline.processor(text=[framed(pipeline, prompt, len(pictures))], images=list(pictures) or None, return_tensors="pt")
    # One row of logits, not one per token: nobody reads them, and the vocabulary has 152,064 entries.
    told = pipeline.text_encoder(**inputs.to(pipeline.text_encoder.device), output_hidden_states=True, use_cache=False, logits_to_keep=1)
    return told.hidden_states[-1][:, pipeline.prompt_template_encode_start_idx :]


def framed(pipeline: Any, prompt: str, pictures: int) -> str:
    """A prompt in the pipeline's frame, with a mark for each picture: the first Edit has its one in the frame, Plus numbers them."""
    frame = pipeline.prompt_template_encode
    if PICTURE in frame:
        return str((frame if pictures else frame.replace(PICTURE, "")).format(prompt))
    return str(frame.format("".join(f"Picture {place + 1}: {PICTURE}" for place in range(pictures)) + prompt))
