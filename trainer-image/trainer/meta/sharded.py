"""A model over the ranks: FSDP2 shards every block and what is around them; weights are read by rank 0 and scattered one at a time.

Always sharded, on one rank as well: one code for any number of ranks, whose shards are then whole.

A pass gathers a block's weights and lets them go again; what is around the blocks stays gathered until the backward pass. A pass without
one must be followed by `model.reshard()`: what is loaded or trained afterwards goes into the shards, and a stale whole would be used on.
"""

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from trainer.meta.model import Llama


def shard(model: Llama, device: str, compute: torch.dtype) -> None:
    """`model` is on the meta device and stays without values. `compute`: the type of weights and activations in the passes."""
    mesh = init_device_mesh(device, (dist.get_world_size(),))
    # Inputs are not cast: those of a block are activations, which are of that type already, and angles, which must stay exact.
    policy = MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for block in model.layers:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    model.to_empty(device=device)


@torch.no_grad()
def fill(model: Llama, value_of: Callable[[str, torch.Size], torch.Tensor]) -> None:
    """Gives every weight its value. `value_of` is asked on rank 0 alone, one weight after the other, so that no rank holds the whole."""
    for name, weight in model.named_parameters():
        whole = torch.empty(weight.shape, dtype=weight.dtype, device=weight.device)
        if dist.get_rank() == 0:
            whole.copy_(value_of(name, weight.shape))
        if isinstance(weight, DTensor):
            weight.to_local().copy_(distribute_tensor(whole, weight.device_mesh, weight.placements).to_local())
        else:
            weight.copy_(whole)


@torch.no_grad()
def gathered(model: Llama, is_wanted: Callable[[str], bool]) -> dict[str, torch.Tensor]:
    """The wanted weights whole, on the CPU of rank 0; every rank must call it. Others get an empty dictionary."""
    found = {}
    model.reshard()
    for name, weight in model.named_parameters():
        if is_wanted(name):
            whole = weight.full_tensor() if isinstance(weight, DTensor) else weight
            if dist.get_rank() == 0:
                found[name] = whole.detach().cpu().clone()
    return found
