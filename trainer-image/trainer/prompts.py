"""How a question is put to a model, and how it answers: the same for samples during training and for `trainer.ask`."""

from typing import Any

from trainer.row_formats import Row, alpaca_prompt

MAX_NEW_TOKENS = 96
Rendered = tuple[str, bool]
"""A prompt's text, and whether the tokenizer adds its special tokens (a chat template writes them itself)."""


def prompt_style(row_format: str, has_template: bool) -> str:
    """chat: through the chat template; alpaca: the Alpaca prompt; raw: as it stands."""
    if row_format in ("alpaca", "messages", "trajectory_completion"):
        return "chat" if has_template else "alpaca"
    return "raw"


def render(question: str | list[Row], style: str, tokenizer: Any) -> Rendered:
    if style == "chat" or isinstance(question, list):
        messages = question if isinstance(question, list) else [{"role": "user", "content": question}]
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True), False
    return (alpaca_prompt(question) if style == "alpaca" else question), True


def answer(model: Any, tokenizer: Any, prompts: list[Rendered], max_new_tokens: int = MAX_NEW_TOKENS) -> list[str]:
    """Greedy answers, one batch; draws no random numbers, so sampling changes nothing in a training that goes on."""
    import torch

    if not prompts:
        return []
    was_training, side = model.training, tokenizer.padding_side
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.eval()
    tokenizer.padding_side = "left"
    try:
        room = getattr(model.config, "max_position_embeddings", 1 << 30) - max_new_tokens
        ids = [tokenizer(text, add_special_tokens=special).input_ids[-room:] for text, special in prompts]
        batch = tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(model.device)
        greedy = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
        with torch.no_grad():
            generated = model.generate(**batch, max_new_tokens=max_new_tokens, pad_token_id=tokenizer.pad_token_id, **greedy)
    finally:
        tokenizer.padding_side = side
        model.train(was_training)
    width = batch["input_ids"].shape[1]
    return [tokenizer.decode(tokens[width:], skip_special_tokens=True).strip() for tokens in generated]
