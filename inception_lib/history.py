"""Every network by name, with its year, its paper and the top-5 errors that were published.

The winners of the challenge, and what else the papers report, are here too. This module imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from inception_lib.architecture import Architecture
from inception_lib.counting import count
from inception_lib.errors import ArchitectureError
from inception_lib.networks.classic import alexnet, lenet5, nin, zfnet
from inception_lib.networks.googlenet import googlenet
from inception_lib.networks.inception import bn_inception, inception_v3, inception_v4
from inception_lib.networks.resnet import resnet
from inception_lib.networks.vgg import vgg
from inception_lib.paper import TABLE2, TABLE3

if TYPE_CHECKING:
    import pandas


Name = Literal[
    "lenet5",
    "alexnet",
    "zfnet",
    "nin",
    "vgg16",
    "vgg19",
    "googlenet",
    "bn_inception",
    "inception_v3",
    "resnet34",
    "resnet50",
    "inception_v4",
]

#: How a top-5 error was measured. Figures of two procedures are not comparable with each other.
Procedure = Literal["ensemble", "144 crops", "ten crops", "one crop"]
PROCEDURES: dict[Procedure, str] = {
    "ensemble": "several networks and many crops, on the test images",
    "144 crops": "one network and 144 crops, on the validation images",
    "ten crops": "one network and ten crops, on the validation images",
    "one crop": "one network and one crop, on the validation images",
}


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A published top-5 error on ILSVRC's classification task, in percent, how it was measured, and where
    it stands. `measured` says more than the procedure's name; `networks` and `crops` are None where the
    source does not say how many were averaged."""

    procedure: Procedure
    error: Decimal
    measured: str
    source: str
    networks: int | None = None
    crops: int | None = None

    @property
    def passes(self) -> int | None:
        """Forward passes for one image."""
        return None if self.networks is None or self.crops is None else self.networks * self.crops


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """A network and what is known of it. `errors` are in the order of `PROCEDURES`."""

    title: str
    year: int
    make: Callable[..., Architecture]
    paper: str
    errors: tuple[Reported, ...] = ()

    @property
    def top5(self) -> Decimal | None:
        """The first of its top-5 errors; None where there is none. `measured` and `source` say more."""
        return self.errors[0].error if self.errors else None

    @property
    def measured(self) -> str:
        return self.errors[0].measured if self.errors else ""

    @property
    def source(self) -> str:
        return self.errors[0].source if self.errors else ""

    def reported(self, procedure: Procedure) -> Reported | None:
        """Its error by one procedure, where one was published."""
        return next((e for e in self.errors if e.procedure == procedure), None)


def _entry(team: str, year: int, networks: int | None = None, crops: int | None = None) -> Reported:
    """A team's result in ILSVRC without other data, from the GoogLeNet paper's Table 2.

    Only where all networks of the entry were of one kind: an error belongs to a network and a test.
    """
    row = next(r for r in TABLE2 if (r.team, r.year, r.external_data) == (team, year, "no"))
    return Reported(
        procedure="ensemble",
        error=row.error,
        source="Szegedy et al. 2015, Table 2",
        measured=f"ILSVRC-{year} test, the entry of {team}, {row.place}",
        networks=networks,
        crops=crops,
    )


_PROCEDURE: dict[int, Procedure] = {1: "one crop", 10: "ten crops", 144: "144 crops"}
Crops = Literal[1, 10, 144]


def _crops(crops: Crops, error: str | Decimal, source: str, more: str = "") -> Reported:
    """One network on the validation images."""
    words = _PROCEDURE[crops]
    return Reported(
        procedure=words,
        error=Decimal(error),
        source=source,
        networks=1,
        crops=crops,
        measured=f"ILSVRC-2012 validation{more}, one network, {words}",
    )


def _googlenet(crops: Crops) -> Reported:
    """One GoogLeNet, from its paper's Table 3."""
    row = next(r for r in TABLE3 if (r.models, r.crops) == (1, crops))
    return _crops(crops, row.error, "Szegedy et al. 2015, Table 3")


_KRIZHEVSKY, _VGG, _RESNET = "Krizhevsky et al. 2012", "Simonyan and Zisserman 2015", "He et al. 2016"
_TABLE3_OF_RESNET = "He et al. 2016, Table 3"
# of the 50,000 validation images: Szegedy et al. 2016, section 10, which finds about 0.1 points more on all
_48238 = ", the 48,238 images not blacklisted"

#: Every network by the name that `inception count --network` takes, in order of year.
NETWORKS: dict[Name, Milestone] = {
    "lenet5": Milestone(title="LeNet-5", year=1998, make=lenet5, paper="LeCun et al. 1998"),
    "alexnet": Milestone(
        title="AlexNet",
        year=2012,
        make=alexnet,
        paper=_KRIZHEVSKY,
        # five networks: its paper's Table 2; ten crops: its section 4.1
        errors=(_entry("SuperVision", 2012, 5, 10), _crops(10, "18.2", "Krizhevsky et al. 2012, Table 2")),
    ),
    # the paper's own figure for one network, 16.5, comes without a number of crops
    "zfnet": Milestone(
        title="ZFNet",
        year=2013,
        make=zfnet,
        paper="Zeiler and Fergus 2014",
        # the entry of 2013, by the first author's company, was never published as a network
        errors=(
            Reported(
                procedure="ensemble",
                error=Decimal("15.3"),
                source="Zeiler and Fergus 2014, Table 2",
                measured="ILSVRC-2012 test, five networks, after the challenge",
                networks=5,
            ),
        ),
    ),
    "nin": Milestone(title="Network in Network", year=2013, make=nin, paper="Lin et al. 2014"),
    "vgg16": Milestone(
        title="VGG-16",
        year=2014,
        make=partial(vgg, 16),
        paper=_VGG,
        # the entry belongs to no one network: it averaged three of these, two VGG-19 and two of a third kind,
        # each run over the whole image and not on crops (its paper's Table 6)
        errors=(_crops(10, "9.33", _TABLE3_OF_RESNET),),
    ),
    "vgg19": Milestone(title="VGG-19", year=2014, make=partial(vgg, 19), paper=_VGG),
    "googlenet": Milestone(
        title="GoogLeNet",
        year=2014,
        make=googlenet,
        paper="Szegedy et al. 2015",
        errors=(_entry("GoogLeNet", 2014, 7, 144), _googlenet(144), _googlenet(10), _googlenet(1)),
    ),
    "bn_inception": Milestone(
        title="BN-Inception",
        year=2015,
        make=bn_inception,
        paper="Ioffe and Szegedy 2015",
        errors=(
            Reported(
                procedure="ensemble",
                error=Decimal("4.82"),
                source="Ioffe and Szegedy 2015, figure 4",
                measured="ILSVRC test, six networks, 144 crops, after the challenge",
                networks=6,
                crops=144,
            ),
            _crops(144, "5.82", "Ioffe and Szegedy 2015, figure 4"),
            _crops(1, "7.82", "Ioffe and Szegedy 2015, figure 4"),
        ),
    ),
    "inception_v3": Milestone(
        title="Inception v3",
        year=2015,
        make=inception_v3,
        paper="Szegedy et al. 2016",
        errors=(
            Reported(
                procedure="ensemble",
                error=Decimal("3.58"),
                source="Szegedy et al. 2016, Table 5",
                measured="ILSVRC test, four networks, 144 crops",
                networks=4,
                crops=144,
            ),
            _crops(144, "4.2", "Szegedy et al. 2016, Table 4", _48238),
            _crops(1, "5.6", "Szegedy et al. 2016, abstract", _48238),
        ),
    ),
    "resnet34": Milestone(
        title="ResNet-34",
        year=2015,
        make=partial(resnet, 34),
        paper=_RESNET,
        errors=(_crops(10, "7.46", f"{_TABLE3_OF_RESNET}, ResNet-34 B"),),
    ),
    "resnet50": Milestone(
        title="ResNet-50",
        year=2015,
        make=partial(resnet, 50),
        paper=_RESNET,
        errors=(_crops(10, "6.71", _TABLE3_OF_RESNET),),
    ),
    "inception_v4": Milestone(
        title="Inception v4",
        year=2016,
        make=inception_v4,
        paper="Szegedy et al. 2017",
        errors=(
            _crops(144, "3.8", "Szegedy et al. 2017, Table 4", ", all 50,000 images"),
            _crops(1, "5.0", "Szegedy et al. 2017, Table 2", " without the blacklisted images"),
        ),
    ),
}


@dataclass(frozen=True)
class Winner:
    """The best entry of one year's classification task, without other data: top-5 error in percent."""

    year: int
    team: str
    method: str
    error: Decimal
    source: str


def _winner(year: int, method: str) -> Winner:
    row = min((r for r in TABLE2 if r.year == year and r.external_data == "no"), key=lambda r: r.error)
    return Winner(year, row.team, method, row.error, "Szegedy et al. 2015, Table 2")


#: The challenge's first six years.
WINNERS: tuple[Winner, ...] = (
    Winner(2010, "NEC-UIUC", "sparse coding", Decimal("28.2"), "Krizhevsky et al. 2012, Table 1"),
    Winner(2011, "XRCE", "Fisher vectors", Decimal("25.8"), "Russakovsky et al. 2015"),
    _winner(2012, "AlexNet"),
    _winner(2013, "near to ZFNet"),
    _winner(2014, "GoogLeNet"),
    Winner(2015, "MSRA", "ResNet", Decimal("3.57"), "He et al. 2016, abstract"),
)

#: The second-best entry of 2012, by Fisher vectors, on the same images as the winner (Krizhevsky et al.
#: 2012, section 6).
SECOND_2012 = Decimal("26.2")

#: Top-1 errors of networks of 18 and 34 layers, plain and residual, that differ in nothing else: percent on
#: ILSVRC-2012 validation, ten crops (He et al. 2016, Table 2). The shortcuts have no parameters (option A);
#: the ResNet-34 of `NETWORKS` has projections where the shape changes (option B).
DEGRADATION: dict[int, tuple[Decimal, Decimal]] = {
    18: (Decimal("27.94"), Decimal("27.88")),
    34: (Decimal("28.54"), Decimal("25.03")),
}

#: Top-5 errors of one network of each team of 2014 by the team's own best test, in percent on the test
#: images (Simonyan and Zisserman 2015, Table 7). GoogLeNet's is with 144 crops; VGG's with 150 crops,
#: averaged with runs over the whole image.
SINGLE_2014: dict[str, Decimal] = {"VGG": Decimal("7.0"), "GoogLeNet": Decimal("7.9"), "MSRA": Decimal("9.1")}

#: The same table's single networks of all years: top-5 error in percent on the validation and on the test
#: images, None where it prints none. GoogLeNet's 7.9 is printed across both columns; its own paper measured
#: it on the validation images. Of Krizhevsky et al., of Zeiler and Fergus, and of the company Clarifai.
SINGLE: dict[str, tuple[Decimal | None, Decimal | None]] = {
    "AlexNet": (Decimal("18.2"), None),
    "ZFNet": (Decimal("16.0"), Decimal("16.1")),
    "Clarifai": (None, Decimal("12.5")),
    "MSRA": (Decimal("9.1"), Decimal("9.1")),
    "GoogLeNet": (Decimal("7.9"), None),
    "VGG": (Decimal("7.1"), Decimal("7.0")),
}


@dataclass(frozen=True)
class Normalized:
    """A network with or without batch normalization: its first learning rate, the updates (of 32 images, in
    millions) to 72.2% top-1 on validation with one crop, and its best accuracy in percent."""

    rate: Decimal
    updates: Decimal
    best: Decimal


#: Ioffe and Szegedy 2015, figure 3 and section 4.2.2. The first is GoogLeNet with two 3x3 for each 5x5.
NORMALIZED: dict[str, Normalized] = {
    "Inception": Normalized(Decimal("0.0015"), Decimal("31.0"), Decimal("72.2")),
    "BN-Baseline": Normalized(Decimal("0.0015"), Decimal("13.3"), Decimal("72.7")),
    "BN-x5": Normalized(Decimal("0.0075"), Decimal("2.1"), Decimal("73.0")),
    "BN-x30": Normalized(Decimal("0.045"), Decimal("2.7"), Decimal("74.8")),
}

#: Mean average precision, in percent, of the best entry of ILSVRC's detection task of 2013 (Szegedy et al.
#: 2015, Table 4).
DETECTION_2013 = Decimal("22.6")

#: ILSVRC's detection task of 2014: mean average precision in percent of each entry, and of the team's best
#: single network (Szegedy et al. 2015, Tables 4 and 5).
DETECTION_2014: dict[str, tuple[Decimal, Decimal]] = {
    "GoogLeNet": (Decimal("43.9"), Decimal("38.02")),
    "CUHK DeepID-Net": (Decimal("40.7"), Decimal("37.7")),
    "Deep Insight": (Decimal("40.5"), Decimal("40.2")),
}

#: The better of two people who tried the task, on 1,500 test images (Russakovsky et al. 2015, section 6.4).
HUMAN_ERROR = Decimal("5.1")

#: Classes and images of the classification task since 2012 (Russakovsky et al. 2015, Table 2).
ILSVRC = {"classes": 1000, "training": 1_281_167, "validation": 50_000, "test": 100_000}


def takes(name: Name, option: str) -> bool:
    """Whether the network of that name has an option that is called so."""
    return option in signature(NETWORKS[name].make).parameters


def build(name: Name = "googlenet", **options: Any) -> Architecture:
    """The network of that name as data; an option that is None is left to the network.

    Raises:
        ArchitectureError: the network has no such option, or cannot exist with it.
    """
    milestone = NETWORKS[name]
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if not takes(name, option):
            raise ArchitectureError(f"{option.replace('_', '-')} is not an option of {milestone.title}.")
    return milestone.make(**given)


def table() -> pandas.DataFrame:
    """One row per network of `NETWORKS`: its size at test time, computed, and its error, quoted.

    Columns: title, year, input (height in pixels), depth (convolutions and fully connected layers on the
    longest path), parameters, MACs, top5 (percent, NaN where not known), measured, paper, source; and one
    for each of `PROCEDURES`, with the error measured that way (NaN where none was published).
    """
    import pandas

    rows = []
    for name, milestone in NETWORKS.items():
        architecture = milestone.make().without_heads()
        counts = count(architecture)
        row: dict[str, Any] = {
            "network": name,
            "title": milestone.title,
            "year": milestone.year,
            "input": architecture.input[1],
            "depth": architecture.depth,
            "parameters": counts.parameters,
            "MACs": counts.macs,
            "top5": None if milestone.top5 is None else float(milestone.top5),
            "measured": milestone.measured,
            "paper": milestone.paper,
            "source": milestone.source,
        }
        for procedure in PROCEDURES:
            reported = milestone.reported(procedure)
            row[procedure] = float(reported.error) if reported else None
        rows.append(row)
    return pandas.DataFrame(rows).set_index("network")
