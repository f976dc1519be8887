"""FSDP2 without a GPU. accelerate shards where it finds several GPUs and says nothing where it finds several CPU ranks, though torch shards
over gloo as well; this has it shard there, and the engine choose it. Everything else is as on GPUs: torch's fully_shard, transformers'
checkpoints, our gathering of results."""


def shard(rank: int) -> None:
    """For `patch` of Engine.run. The log then says how many of the model's parameters are sharded."""
    from accelerate import state
    from accelerate.utils import DistributedType
    from torch.distributed.tensor import DTensor

    from trainer import choices, models
    from trainer.training_callback import TrainingCallback

    begin, begin_training = state.AcceleratorState.__init__, TrainingCallback.on_train_begin

    def init(self, *given, fsdp_plugin=None, **named):
        begin(self, *given, fsdp_plugin=fsdp_plugin, **named)
        if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin

    def on_train_begin(self, args, state, control, model=None, **named):
        parameters = list(model.parameters())
        print(f"sharded {sum(isinstance(p, DTensor) for p in parameters)} of {len(parameters)} parameters", flush=True)
        return begin_training(self, args, state, control, model=model, **named)

    state.AcceleratorState.__init__ = init
    TrainingCallback.on_train_begin = on_train_begin
    models.gpu_memory_bytes = lambda: 1  # a GPU that holds nothing whole
    choices.LARGE_PARAMETERS = 0  # what is sharded is large, so its activations are computed again
