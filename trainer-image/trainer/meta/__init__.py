"""Llama 2 and 3 in plain PyTorch, by the names and in the checkpoint layout of Meta: FSDP2 for ranks, DCP for checkpoints."""
