"""What the tests of the hf engine share: one import of torch for all trials, and one tiny-llama for all sessions."""

import gc
import os

# Before anything imports torch: a tiny model is fastest on one thread, and a process with one thread may be forked.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest


@pytest.fixture(scope="session")
def engine(request, tmp_path_factory):
    """Runs the hf engine, one fork per trial. tiny-llama is kept in pytest's cache: its folder's name says of which recipe it is."""
    from hf_trials import Engine

    yield Engine(request.config.cache.mkdir("tuneplane"), tmp_path_factory.mktemp("runs"))
    gc.unfreeze()
