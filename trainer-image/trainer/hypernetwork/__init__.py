"""Hypernetworks: networks that read a trajectory and emit, in one forward pass, a LoRA adapter that has learned from it."""
