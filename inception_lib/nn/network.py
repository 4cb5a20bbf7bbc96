"""The network in torch, built from an `Architecture` and from nothing else.

No layer of GoogLeNet is written here: the data says what there is, `layers` how each kind is done.
The same class makes any other network of those layers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import torch
from torch import Tensor, nn
from torch.utils._pytree import _register_namedtuple

from inception_lib.architecture import Architecture, Branches, Linear, Shape, Step, walk
from inception_lib.counting import shape_text
from inception_lib.errors import ArchitectureError, InceptionError
from inception_lib.networks.names import layer_path
from inception_lib.nn import layers
from inception_lib.nn.features import FeatureInfo, feature_info
from inception_lib.nn.initial import initialize
from inception_lib.nn.lrn import traced

if TYPE_CHECKING:
    import os

    from inception_lib.data.images import Preprocess
    from inception_lib.nn.fused import Fused
    from inception_lib.weights.info import Weights


class Output(NamedTuple):
    """What a network gives, in training and in evaluation alike.

    Each is (batch, classes), before any softmax. `aux1` and `aux2` belong to the architecture's
    first and second head; they are None in evaluation, and where there is no such head.
    """

    logits: Tensor
    aux1: Tensor | None = None
    aux2: Tensor | None = None


# torch.export.save writes this name for the type; loading needs this module imported
_register_namedtuple(Output, serialized_type_name="inception_lib.Output")


_WAYS_ON = (
    "network.reset_classifier(classes) puts another classifier there, and network.features(x) gives what "
    "a classifier receives"
)


class Network(nn.Module):
    """A network built from its architecture: `Network(googlenet())` is the paper's.

    Each layer is found under its path in the architecture, with dots for slashes:
    `inception_3a/5x5_reduce` is `network.inception_3a.get_submodule("5x5_reduce")`, and its weights are
    `inception_3a.5x5_reduce.conv.weight` in the state dict. An auxiliary head is a child under its
    own name (`aux1`), and runs only in training.

    Parameters are initialized by `initialize`.

    Attributes:
        architecture: what it was built from.
        info: what is known of its weights (pre-processing, classes, where they come from) since they were
            loaded from a file or by name; None in a network with weights of its own.

    Args:
        architecture: what to build.
        generator: the source of the random initial weights; torch's global one where None.

    Raises:
        ArchitectureError: more than two heads, or a layer's name that torch cannot take.
    """

    def __init__(self, architecture: Architecture, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if len(architecture.heads) > len(Output._fields) - 1:
            raise ArchitectureError(
                f"{architecture.name}: has {len(architecture.heads)} heads, and a network takes two at most."
            )
        self.architecture = architecture
        self.info: Weights | None = None
        self._trunk = tuple(layer.name for layer in architecture.layers)
        self._heads = tuple((head.name, head.after) for head in architecture.heads)
        self._build(list(walk(architecture)))
        self._outputs = _outputs(architecture)
        self._fitting: set[tuple[int, int, bool]] = set()  # input sizes known to fit, with heads or without
        initialize(self, generator)

    def _build(self, steps: list[Step]) -> None:
        parents: dict[str, nn.Module] = {"": self}
        for head in self.architecture.heads:
            parents[head.name] = nn.Sequential()
            layers.add(self, head.name, head.name, parents[head.name])
        # `walk` gives a module after its layers, so that the modules are made first
        for step in steps:
            if isinstance(step.layer, Branches):
                parents[step.path] = layers.Branches(step.layer)
        for step in steps:
            above, _, name = step.path.rpartition("/")
            module = parents.get(step.path)
            if module is None:
                module = layers.plain_layer(step.layer, step.in_shape)
            layers.add(parents[above], name, step.path, module)

    def forward(self, x: Tensor) -> Output:
        """Run the network.

        Args:
            x: (batch, channels, height, width) floating point, normalized as the weights want it.
                Any height and width will do that leave each window something to pool (the paper's
                network: 47 pixels and more); a network with fully connected layers on a grid (VGG,
                or auxiliary heads in training) wants a size that gives the grid of its architecture's.

        Raises:
            InceptionError: the input does not fit the network.
        """
        return self._run(x, self._heads if self.training else ())

    def _run(self, x: Tensor, heads: tuple[tuple[str, str], ...]) -> Output:
        if not traced(x):
            self._check(x, bool(heads))
        aux: dict[str, Tensor] = {}
        for name in self._trunk:
            x = getattr(self, name)(x)
            for head, after in heads:
                if after == name:
                    aux[head] = getattr(self, head)(x).flatten(1)
        logits = x.flatten(1)
        told = not (isinstance(logits, torch.fx.Proxy) or torch.jit.is_tracing())  # its shape, as a number
        if told and self._outputs and logits.shape[1] != self._outputs:
            raise InceptionError(
                f"{self.architecture.name}: gives {logits.shape[1]} outputs, and its architecture says "
                f"{self._outputs}, since its classifier was exchanged; {_WAYS_ON}."
            )
        return Output(logits, *(aux[head] for head, _ in heads))

    @staticmethod
    def from_pretrained(
        source: str | os.PathLike,
        *,
        classes: int | Sequence[str] | None = None,
        heads: bool | None = None,
        preprocess: Preprocess | None = None,
        generator: torch.Generator | None = None,
        progress: bool = True,
    ) -> Network:
        """A network with trained weights, in evaluation mode: `load_weights` for who wants the network alone.

        What is known of the weights is the network's `info`: `network.info.preprocess(picture)` is its input.

        Args:
            source: `bvlc`, `torchvision`, or the path of a file of weights.
            classes: how many, or their names. With another number than the file's, the classifiers are new
                and untrained, and all else is the file's.
            heads: with the auxiliary heads or without; as in the file where None.
            preprocess: how an image becomes the input, where one knows better than the file.
            generator: of the new classifiers' initial weights; torch's global one where None.
            progress: show a bar on stderr while fetching.

        Raises:
            WeightsError: the file is missing, damaged, or belongs to another network.
        """
        from inception_lib.weights.loading import load_weights

        return load_weights(
            source,
            classes=classes,
            heads=heads,
            preprocess=preprocess,
            generator=generator,
            progress=progress,
        ).network

    def reset_classifier(self, classes: int, generator: torch.Generator | None = None) -> None:
        """Put new, untrained classifiers for another number of classes in place of the old ones.

        The heads' classifiers too, and `architecture` and `info` follow. New weights are on the device and of
        the type of the old ones, and want a gradient. Call this before the optimizer is made.

        Args:
            classes: outputs of each classifier.
            generator: the source of their initial weights, on the CPU; torch's global one where None.

        Raises:
            ArchitectureError: the number is below 1, or the network does not end in a classifier.
        """
        architecture = self.architecture.with_classes(classes)
        for step in walk(architecture):
            if step.path in architecture.classifiers:
                path = step.path.replace("/", ".")
                old = self.get_submodule(path)
                kind = next(old.parameters(), next(self.parameters()))  # an Identity has none
                with torch.device("cpu"):
                    new = layers.plain_layer(step.layer, step.in_shape)
                    initialize(new, generator)
                self.set_submodule(path, new.train(old.training).to(kind.device, kind.dtype))
        self.architecture, self._outputs = architecture, _outputs(architecture)
        if self.info is not None:
            self.info = self.info.with_new_classifiers(architecture)

    @overload
    def features(self, x: Tensor) -> Tensor: ...

    @overload
    def features(self, x: Tensor, paths: Iterable[str]) -> dict[str, Tensor]: ...

    def features(self, x: Tensor, paths: Iterable[str] | None = None) -> Tensor | dict[str, Tensor]:
        """What the classifier receives, or the outputs of layers by their paths.

        The network runs in the mode it is in and under the caller's gradient mode, without its heads in the
        first case.

        Args:
            x: (batch, channels, height, width), as `forward` takes it.
            paths: layers, as `activations` takes them.

        Returns:
            Without `paths`, (batch, features): of GoogLeNet the 1024 channels of its last map, averaged over
            the grid. timm calls it `forward_head(forward_features(x), pre_logits=True)`, and torchvision's
            networks give it once their `fc` is an `Identity`. Else, under each path as it was given,
            (batch, channels, height, width), or (batch, features) from a fully connected layer.

        Raises:
            InceptionError: the input does not fit; no layer has that path, or it does not run in this mode.
        """
        if paths is not None:
            return {path: kept.output for path, kept in activations(self, x, paths).items()}
        if not traced(x):
            self._check(x, with_heads=False)
        for name in self._trunk[: self._trunk.index(self.architecture.classifiers[0])]:
            x = getattr(self, name)(x)
        return x.flatten(1)

    @property
    def feature_info(self) -> dict[str, FeatureInfo]:
        """Channels, reduction and size of each layer's output, by the layer's path, in order; heads last."""
        return feature_info(self.architecture)

    def as_classifier(self) -> Classifier:
        """The same network, parameters shared, as a module whose output is the tensor of logits."""
        return Classifier(self)

    def fused(self, *, compile: bool = False) -> Fused:
        """The same function for inference alone, in fewer and larger steps, with copies of the weights.

        Batch normalization is folded into the convolutions before it, 1x1 convolutions of a module that see
        the same input are one (GoogLeNet's 57 convolutions become 39), memory is channels last, and there
        are no heads. Logits agree to about the precision of float32. What is joined has no path of its own
        any more, nothing can be trained, and the weights cannot be saved: keep the network for that.

        Args:
            compile: by `torch.compile`, for who has a C++ compiler (on a GPU, Triton) and many images: the
                first call of each batch size takes a minute or so.
        """
        from inception_lib.nn.fused import Fused

        return Fused(self, compile=compile)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            if name in ("fc", "head", "last_linear"):  # classifiers in torchvision and elsewhere
                raise AttributeError(f"{error}; its classifier is `classifier`: {_WAYS_ON}") from None
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Module) and type(self).forward is Network.forward:
            self._check_child(name, value)
        super().__setattr__(name, value)

    def add_module(self, name: str, module: nn.Module | None) -> None:
        if module is not None and "_outputs" in self.__dict__ and type(self).forward is Network.forward:
            self._check_child(name, module)
        super().add_module(name, module)

    def _check_child(self, name: str, module: nn.Module) -> None:
        """Refuse the usual ways to exchange a classifier, none of which does here what is meant."""
        old = self._modules.get(name)
        if old is None and any(True for _ in module.parameters()):
            raise InceptionError(
                f"{self.architecture.name}: has no layer {name!r}, so that nothing would run this module; "
                f"{_WAYS_ON}."
            )
        if isinstance(old, layers.Linear) and isinstance(module, nn.Linear):
            raise InceptionError(
                f"{self.architecture.name}: {name} cannot be a torch.nn.Linear, which its architecture would "
                f"not know of; {_WAYS_ON}."
            )

    def extra_repr(self) -> str:
        return f"{self.architecture.name}, input {_sizes(self.architecture.input)}"

    def __repr__(self) -> str:
        """As torch has it; behind each layer the shape that it gives, without the batch.

        The shapes are the architecture's, for an input of its own size.
        """
        shapes = {step.path.replace("/", "."): step.out_shape for step in walk(self.architecture)}
        lines: list[str] = []
        names: list[str] = []
        for line in super().__repr__().splitlines():
            child = re.match(r"((?:  )+)\((.+?)\): ", line)
            if child:
                names[len(child[1]) // 2 - 1 :] = [child[2]]
                shape = shapes.get(".".join(names))
                line += f"  # {_sizes(shape)}" if shape else ""
            lines.append(line)
        return "\n".join(lines)

    def _check(self, x: Tensor, with_heads: bool) -> None:
        """Refuse what would otherwise fail somewhere inside, with an error about something else."""
        name, wanted = self.architecture.name, self.architecture.input
        if not isinstance(x, Tensor) or x.dim() != 4:
            got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise InceptionError(
                f"{name}: the input must be a tensor of 4 dimensions (batch, channels, "
                f"height, width), not {got}."
            )
        if x.shape[1] != wanted[0]:
            raise InceptionError(
                f"{name}: takes {wanted[0]} input channels, not the {x.shape[1]} of {tuple(x.shape)}."
            )
        if not x.is_floating_point():
            raise InceptionError(f"{name}: takes floating-point input, not {x.dtype}.")
        size = (int(x.shape[2]), int(x.shape[3]), with_heads)
        if size not in self._fitting:
            self._check_size(*size)
            self._fitting.add(size)

    def _check_size(self, height: int, width: int, with_heads: bool) -> None:
        built = self.architecture if with_heads else self.architecture.without_heads()
        picture = f"{built.name}: a {height}x{width} input does not fit"
        try:
            sized = replace(built, input=(built.input[0], height, width))
        except ArchitectureError as error:
            raise InceptionError(f"{picture}: {error}") from None
        for before, now in zip(walk(built), walk(sized), strict=True):
            if isinstance(now.layer, Linear) and before.in_shape != now.in_shape:
                takes, gets = shape_text(before.in_shape), shape_text(now.in_shape)
                raise InceptionError(
                    f"{picture}: {now.path} takes {takes}, and {gets} would arrive "
                    f"(a {built.input[1]}x{built.input[2]} input fits)."
                )


class Classifier(nn.Module):
    """A network whose output is the tensor of logits alone, in training and in evaluation.

    For whatever wants a tensor: loss functions, Grad-CAM, captum, ONNX, `torch.jit.trace`. The network, with
    which it shares all parameters, is its child `network`: layers are where they were (as target of Grad-CAM,
    `network.inception_5b`), and names in the state dict begin with `network.`. The auxiliary heads never run.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.training = network.training

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width), as `Network.forward` takes it, to (batch, classes)."""
        return self.network._run(x, heads=()).logits


def _outputs(architecture: Architecture) -> int | None:
    """How many outputs there are for any input; None where that depends on the input's size."""
    last = architecture.layers[-1] if architecture.layers else None
    return last.out_features if isinstance(last, Linear) else None


def _sizes(shape: Shape) -> str:
    return " x ".join(map(str, shape))


class Activation(NamedTuple):
    """What went through one layer; each (batch, channels, height, width) or (batch, features).

    `before_relu` is the value that the ReLU receives; in a layer without one it is the output.
    """

    input: Tensor
    before_relu: Tensor
    output: Tensor


def activations(network: Network, x: Tensor, paths: Iterable[str]) -> dict[str, Activation]:
    """Run `network` on `x` and keep what went through the layers named in `paths`.

    The network runs in the mode it is in, and under the caller's gradient mode: wrap the call in
    `torch.no_grad()` where no gradient is wanted.

    Args:
        network: the network.
        x: its input, as `Network.forward` takes it.
        paths: layers as the architecture names them (`conv1`, `inception_4a/5x5_reduce`), or as Caffe,
            torchvision, TensorFlow and Distill do (`inception_4a/output`, `inception4a`, `mixed4a`).

    Returns:
        What went through each layer, under its path as it was given.

    Raises:
        InceptionError: no layer has that path, or the layer does not run in this mode.
    """
    kept: dict[str, list[Any]] = {}
    hooks = []

    def keep(path: str, slot: int, of_input: bool = False) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            kept[path][slot] = inputs[0] if of_input else output

        return hook

    paths = [paths] if isinstance(paths, str) else list(paths)
    try:
        for path in paths:
            try:
                module = network.get_submodule(layer_path(network.architecture, path).replace("/", "."))
            except AttributeError:
                raise InceptionError(f"{path}: is not a layer of its own in a fused network.") from None
            kept[path] = [None, None, None]
            hooks.append(module.register_forward_hook(keep(path, 2)))
            hooks.append(module.register_forward_hook(keep(path, 0, of_input=True)))
            relu = getattr(module, "relu", None)
            hooks.append(
                (module if relu is None else relu).register_forward_hook(
                    keep(path, 1, of_input=relu is not None)
                )
            )
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    for path, found in kept.items():
        if found[2] is None:
            raise InceptionError(f"{path}: is part of an auxiliary head, which runs only in training mode.")
    return {path: Activation(*found) for path, found in kept.items()}
