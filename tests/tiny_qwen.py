"""A tiny Qwen tokenizer of the real class, built in code: it spells bytes, and knows the frame and the marks for pictures.

For the tiny base models whose text encoders are of the Qwen family.
"""

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""As Qwen3's own, without tools."""


def tiny_qwen_tokenizer():
    """A Qwen2Tokenizer with one token per byte: any prompt has its own embedding, and its length is known."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    vocab = {token: place for place, token in enumerate([*SPECIAL, *sorted(ByteLevel.alphabet())])}
    return Qwen2Tokenizer(
        vocab=vocab,
        merges=[],
        eos_token="<|im_end|>",
        additional_special_tokens=list(SPECIAL[1:]),
        chat_template=CHAT_TEMPLATE,
        model_max_length=2048,
    )
