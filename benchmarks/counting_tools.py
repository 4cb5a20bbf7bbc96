"""What other people's tools print when they count GoogLeNet, each with its version, and by which rule.

    python benchmarks/counting_tools.py                            a table
    python benchmarks/counting_tools.py --record counting_tools

Each tool runs an image of zeros through the network in four forms (`FORMS`): without auxiliary heads, with
them, with them in training, and with the last pool written as a mean. A tool's rule is how many operations it
counts for a multiply-accumulate, and which of `parts` it adds; `printed_by_rule` gives what it should print.
The tools are in the extra `tools`; one that is not installed is named and left out.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

import pandas as pd
import torch
import tyro
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from inception_lib import count, googlenet
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.counting import Counts
from inception_lib.nn.network import Network

#: What a tool prints for operations, and for parameters where it counts them.
Printed = tuple[int, int | None]


class Tool(NamedTuple):
    """A tool, and its rule: what it calls the number, how much a MAC is, and what it adds."""

    package: str
    call: Callable[[nn.Module, Tensor], Printed]
    says: str
    per_mac: int = 1
    adds: tuple[str, ...] = ()
    follows_mode: bool = (
        False  #: whether it counts a network in training as that, and not put into evaluation
    )


def by_flop_counter(network: nn.Module, x: Tensor) -> Printed:
    with FlopCounterMode(display=False) as counter:
        network(x)
    return counter.get_total_flops(), None


def by_fvcore(network: nn.Module, x: Tensor) -> Printed:
    from fvcore.nn import FlopCountAnalysis, parameter_count

    counted = FlopCountAnalysis(network, x)
    quiet = counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return quiet.total(), parameter_count(network)[""]


def by_thop(network: nn.Module, x: Tensor) -> Printed:
    import thop

    macs, parameters = thop.profile(network, (x,), verbose=False)
    return int(macs), int(parameters)


def by_ptflops(network: nn.Module, x: Tensor, backend: str) -> Printed:
    import ptflops

    size, quiet = tuple(x.shape[1:]), {"as_strings": False, "print_per_layer_stat": False}
    return ptflops.get_model_complexity_info(network, size, backend=backend, **quiet)


def by_torchinfo(network: nn.Module, x: Tensor) -> Printed:
    import torchinfo

    found = torchinfo.summary(network, input_data=x, verbose=0)
    return found.total_mult_adds, found.total_params


TOOLS: dict[str, Tool] = {
    "FlopCounterMode": Tool("torch", by_flop_counter, "FLOPs", per_mac=2, follows_mode=True),
    "fvcore": Tool("fvcore", by_fvcore, "flops", adds=("last pool",), follows_mode=True),
    "torchinfo": Tool("torchinfo", by_torchinfo, "mult-adds", adds=("biases",)),
    "ptflops, aten": Tool("ptflops", partial(by_ptflops, backend="aten"), "MACs", adds=("biases",)),
    "thop": Tool("thop", by_thop, "MACs", adds=("last pool", "its divisions")),
    "ptflops, pytorch": Tool(
        "ptflops",
        partial(by_ptflops, backend="pytorch"),
        "MACs",
        adds=("biases", "ReLUs and pools, twice"),
    ),
}


class Mean(nn.Module):
    """The last pool as many write it: `x.mean((2, 3))`, which no tool knows as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)


def with_a_mean() -> Network:
    network = Network(googlenet(heads=False)).eval()
    network.pool5 = Mean()
    return network


AS_MEAN, TRAINING = "with a mean for the last pool", "with heads, in training"
#: How the network is given to a tool.
FORMS: dict[str, Callable[[], Network]] = {
    "without heads": lambda: Network(googlenet(heads=False)).eval(),
    "with heads": lambda: Network(googlenet()).eval(),
    TRAINING: lambda: Network(googlenet()).train(),
    AS_MEAN: with_a_mean,
}


def parts(counts: Counts, *, as_mean: bool = False) -> dict[str, int]:
    """What tools add to the MACs of a network without heads, for one image, from its count.

    Args:
        counts: of the network.
        as_mean: whether the last pool is written as a mean, which no tool sees.
    """
    last = 0 if as_mean else math.prod(counts["pool5"].in_shape)
    outputs = sum(row.activations for row in counts if row.kind == "conv")
    max_pools = sum(math.prod(row.in_shape) for row in counts if row.kind == "max pool")
    return {
        "last pool": last,  # an addition for each number that it reads
        "its divisions": 0 if as_mean else counts["pool5"].activations,
        "biases": outputs + counts["classifier"].activations,
        # for the module, and for the function that the module calls; of a pool each number that it reads
        "ReLUs and pools, twice": 2 * (outputs + max_pools + last),
    }


def printed_by_rule(name: str, form: str = "without heads") -> int:
    """What a tool should print for a form of the network, from our own count."""
    tool, counts = TOOLS[name], count(googlenet())
    ran = counts if form == TRAINING and tool.follows_mode else counts.trunk
    own = parts(counts.trunk, as_mean=form == AS_MEAN)
    return tool.per_mac * ran.macs + sum(own[add] for add in tool.adds)


def printed(name: str, form: str = "without heads") -> Printed:
    """What a tool prints for a form of the network.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    with warnings.catch_warnings(), torch.no_grad(), redirect_stdout(sys.stderr):  # some print
        warnings.simplefilter("ignore")
        return TOOLS[name].call(FORMS[form](), torch.zeros(1, 3, 224, 224))


def measured() -> list[dict]:
    """A row for each tool that is installed."""
    rows = []
    for name, tool in TOOLS.items():
        try:
            found = {form: printed(name, form) for form in FORMS}
        except ModuleNotFoundError as error:
            print(f"{name}: left out, since {error.name} is not installed (extra `tools`).", file=sys.stderr)
            continue
        rows.append(
            {
                "tool": name,
                "version": version(tool.package),
                "says": tool.says,
                "per_mac": tool.per_mac,
                "adds": tool.adds,
                "printed": {form: operations for form, (operations, _) in found.items()},
                "parameters": {form: parameters for form, (_, parameters) in found.items()},
            }
        )
    return rows


def main(record: str | None = None) -> int:
    """Run the tools and print.

    Args:
        record: Write what they print to data/results under this name.
    """
    rows = measured()
    columns = {(row["tool"], row["version"]): row["printed"] for row in rows}
    print(pd.DataFrame(columns).T.to_string())
    if record:
        about = "What other tools print when they count GoogLeNet"
        outcome = {"parts": parts(count(googlenet(heads=False))), "rows": rows}
        print(results.record(record, outcome, about=about, data="one image of 3 x 224 x 224 zeros"))
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "counting_tools"))
