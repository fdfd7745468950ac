"""Engine, precision and devices are chosen where the blocks run."""

import warnings
from dataclasses import dataclass, replace

import pytest

from geoseg.errors import GeosegWarning, UsageError
from geoseg.models.engines.runtime import Runtime
from geoseg.prediction import settings
from geoseg.prediction.cluster.executor import DaskExecutor
from geoseg.prediction.executors import LocalExecutor
from geoseg.prediction.prepare import prepare
from geoseg.prediction.settings import Settings

ON_CPU = Runtime(engine="openvino", version="openvino 1", precision="float32", hardware="CPU")
ON_GPU = Runtime(engine="keras", version="keras 3", precision="bfloat16", hardware="H200", devices=("gpu:0",))
WITH_UNUSED_GPU = replace(ON_CPU, version="openvino 2")


@dataclass(frozen=True)
class Cluster:
    """A Dask client whose workers run functions one after the other, in this process."""

    count: int

    def run(self, function, *arguments, on_error):
        assert on_error == "return"  # none of these functions fails
        return {f"worker {number}": function(*arguments) for number in range(self.count)}

    def submit(self, function, *arguments, pure):
        assert not pure
        return Cluster(1)._future(function, *arguments)

    def _future(self, function, *arguments):
        result = function(*arguments)
        return type("Future", (), {"result": lambda self: result})()


@pytest.fixture
def machines(monkeypatch):
    """What one machine after the other chooses."""

    def give(*runtimes):
        choices = iter(runtimes)

        def choose(*_):
            runtime = next(choices)
            if runtime is WITH_UNUSED_GPU:
                warnings.warn("a GPU is not used.", GeosegWarning, stacklevel=1)
            return runtime

        monkeypatch.setattr(settings, "choose_runtime", choose)

    return give


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_choose(machines, workers):
    """A cluster runs what its workers choose, not what the client has."""
    machines(*[ON_GPU] * workers)
    assert DaskExecutor(client=Cluster(workers)).choose_runtime(Settings()) == ON_GPU


def test_warnings_of_workers(machines):
    """What the workers warn of is warned of here, once."""
    machines(WITH_UNUSED_GPU, WITH_UNUSED_GPU)
    with pytest.warns(GeosegWarning, match="a GPU is not used") as warned:
        DaskExecutor(client=Cluster(2)).choose_runtime(Settings())
    assert len(warned) == 1


def test_cluster_without_workers(machines):
    """A cluster that starts workers on demand chooses by its first one."""
    machines(ON_GPU)
    assert DaskExecutor(client=Cluster(0)).choose_runtime(Settings()) == ON_GPU


def test_workers_that_differ(machines):
    """Workers that would run different networks are refused: a map never mixes two."""
    machines(ON_GPU, ON_GPU, ON_CPU)
    with pytest.raises(UsageError) as error:
        DaskExecutor(client=Cluster(3)).choose_runtime(Settings())
    assert str(error.value) == (
        "the workers of the Dask cluster would run different networks (keras 3, bfloat16, H200; openvino 1, float32, "
        "CPU); choose `engine`, `precision` and `devices` that all of them have."
    )


@pytest.mark.parametrize(("limits", "memory"), [([3_000, 2_000, 4_000], 2_000), ([3_000, 0], None), ([], None)])
def test_memory_of_workers(limits, memory):
    """A scene must fit the smallest worker of a cluster, not this machine; 0 is no limit."""

    class Limited(Cluster):
        def scheduler_info(self, n_workers):
            return {"workers": {f"tcp://{n}": {"memory_limit": limit} for n, limit in enumerate(limits)}}

    assert DaskExecutor(client=Limited(0)).memory == memory
    assert LocalExecutor().memory > 0


@pytest.mark.parametrize("workers", [0, 2])
def test_most_memory_of_workers(workers):
    """It is that of their machines; with none yet, it is not known."""
    assert DaskExecutor(client=Cluster(workers)).most_memory() == (LocalExecutor().most_memory() if workers else None)


def test_this_process_chooses(machines, write_bundle):
    """Without a cluster this process chooses; a caller's loader needs no choice."""
    machines(ON_CPU)
    model = write_bundle()
    assert prepare(model, {}, executor=None, load=None).runtime == ON_CPU
    assert prepare(model, {}, executor=None, load=lambda bundle, options: None).runtime is None
