"""What each widget shows for some settings, made by Python out of the library's own numbers.

`WORDS[cls](widget)` gives all texts of the widget's results in order, and what a screen reader hears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from math import floor

from inception_lib import history, paper
from inception_lib.book import comparison, factors, results
from inception_lib.book.widgets import (
    ComparisonWidget,
    EnsembleWidget,
    HeadsWidget,
    InceptionWidget,
    LineageWidget,
    MorphWidget,
    NetworkWidget,
    PoolingWidget,
    ReductionWidget,
    TrainingWidget,
)
from inception_lib.book.widgets.ensemble import ensemble_table
from inception_lib.book.widgets.inception import module_presets
from inception_lib.book.widgets.morph import STOPS, module_of_network
from inception_lib.book.widgets.network import table1_rows
from inception_lib.counting import shape_text
from inception_lib.errors import ArchitectureError
from inception_lib.networks.googlenet import PAPER_WIDTHS

Said = tuple[list[str], str]


def fixed(x: float, digits: int) -> str:
    """JavaScript's toFixed: of the number as it is stored, a half away from zero."""
    return str(Decimal(x).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def precise(x: float, digits: int = 2) -> str:
    """JavaScript's toPrecision."""
    exact = Decimal(x)
    near = exact.quantize(Decimal(1).scaleb(exact.adjusted() + 1 - digits), ROUND_HALF_UP)
    power = near.adjusted()
    near = near.quantize(Decimal(1).scaleb(power + 1 - digits))
    if -7 < power < digits:
        return f"{near:f}"
    return f"{near.scaleb(-power):f}e{power:+d}"


def plain(x: float, digits: int = 2) -> str:
    """A number with as many digits after the point as it needs."""
    text = f"{x:,.{digits}f}"
    return text.rstrip("0").rstrip(".")


def short(n: int) -> str:
    if n >= 1e9:
        return f"{fixed(n / 1e9, 2)} billion"
    if n >= 1e6:
        return f"{fixed(n / 1e6, 1)} million"
    return f"{fixed(n / 1e3, 1)} thousand" if n >= 1e4 else f"{n:,}"


def percent(n: int, of_one: int, digits: int) -> str:
    """A whole number of `of_one` parts of a percent."""
    return f"{fixed(n / of_one, digits)}%"


def reduction(widget: ReductionWidget) -> Said:
    s, found = widget.settings, widget.result()
    direct, behind, pays = found["direct_macs"], found["reduced_macs"], found["pays_up_to"]
    notes = []
    if s["reduce"] >= s["c_in"]:
        notes.append(f"A reduction to {s['reduce']:,} channels reduces nothing: {s['c_in']:,} come in.")
    if behind == direct:
        notes.append("It costs as much as it saves.")
    elif behind < direct:
        notes.append(f"With the reduction: {fixed(direct / behind, 1)} times fewer MACs.")
    else:
        notes.append(f"With the reduction: {fixed(1 / (direct / behind), 1)} times more MACs.")
    notes.append(f"It pays up to {pays:,} channels." if pays >= 1 else "No reduction saves anything here.")
    verdict = " ".join(notes)
    one = factors.reduced(**(s | {"reduce": 1})).macs
    plot = (
        "MACs against the width of the reduction: a rising line that crosses the cost of the convolution "
        f"alone at {fixed(direct / one, 1)} channels. Your reduction of {s['reduce']:,} channels is "
        f"{'below' if behind < direct else 'not below'} the crossing."
    )
    shown = ["Alone", f"{direct:,} MACs", f"{found['direct_weights']:,} weights"]
    shown += ["Behind the reduction", f"{behind:,} MACs", f"{found['reduced_weights']:,} weights"]
    said = f"{direct:,} MACs alone, {behind:,} behind the reduction. {verdict}"
    return [*shown, verdict, plot], said


def inception(widget: InceptionWidget) -> Said:
    s, found = widget.settings, widget.result()
    forms = ("reduced", "naive")
    shown = ["Module of Table 1", *PAPER_WIDTHS, "Form", "With reductions", "Naive", "▶ Stack"]
    stacked = (
        f"{s['stack']} modules in a row. With reductions: {found['reduced_stack_channels']:,} channels, "
        f"{short(found['reduced_stack_macs'])} MACs. Naive: {found['naive_stack_channels']:,} channels, "
        f"{short(found['naive_stack_macs'])} MACs, "
        f"{fixed(found['naive_stack_macs'] / found['reduced_stack_macs'], 1)} times as many."
    )
    alone = s["stack"] == 1
    verdict = _one_module(s, found) if alone else stacked
    if not alone:
        shown.append(stacked)
    else:
        lanes = [f"{s['c_in']:,} channels in. 1x1 to {s['n1x1']:,}."]
        if s["form"] == "reduced":
            lanes += [f"{k}: {s[f'reduce{k}']:,}, then {s[f'n{k}']:,}." for k in ("3x3", "5x5")]
            lanes.append(f"Pool, then {s['pool_proj']:,}.")
        else:
            lanes += [f"{k} to {s[f'n{k}']:,}." for k in ("3x3", "5x5")] + [f"Pool: {s['c_in']:,}."]
        name = "With reductions" if s["form"] == "reduced" else "Naive"
        out = found[f"{s['form']}_channels"]
        shown.append(f"{name}: {' '.join(lanes)} {out:,} channels out.")
        shown.append("Thickness: channels. Area of a kernel: its MACs. Drag an edge, or use its arrow keys.")
        shown += ["MACs", f"{short(found[s['form'] + '_macs'])}, budget {short(found['budget'])}"]
        shown.append("Variance kept, at most")
        if "kept_3x3" in found:
            for branch in ("3x3", "5x5"):
                shown += [branch, percent(found[f"kept_{branch}"], 100, 1)]
            photographs = len(results.load("reductions_pca").outcome["photographs"])
            shown.append(
                f"By the best linear reduction, on {photographs} photographs in the trained network; "
                "the marks: Table 1."
            )
        else:
            shown.append(f"not recorded for {s['c_in']:,} channels")
    shown += [verdict, "MACs by branch, both forms", "MACs by branch, table", "MACs by branch"]
    shown += ["With reductions", "Naive"]
    for branch in ("1x1", "3x3", "5x5", "pool"):
        shown.append(branch)
        for form in forms:
            macs = found[f"{form}_{branch}"]
            shown += [f"{macs:,}", f"{floor(100 * macs / found[f'{form}_macs'] + 0.5)}%"]
    for what, text in (("macs", "MACs"), ("weights", "Weights"), ("channels", "Channels out")):
        shown += [text, *(f"{found[f'{form}_{what}']:,}" for form in forms)]
    shown.append("In a bar the pale part is the 1x1 reduction, the full part the convolution after it.")
    if not alone:
        return shown, verdict
    reduced, naive = (f"{found[f'{form}_macs']:,} MACs and {found[f'{form}_channels']:,}" for form in forms)
    return shown, f"With reductions {reduced} channels out; naive {naive}. {verdict}"


def _one_module(s: dict, found: dict) -> str:
    """What is said of one module, drawn in either form."""
    key, budget = s["module"], found["budget"]
    preset, widths = module_presets()[key], PAPER_WIDTHS[key]
    words = [f"The budget of {key}: {budget:,} MACs for {widths.out_channels:,} channels out."]
    off, more = found["reduced_macs"] - budget, found["reduced_channels"] - widths.out_channels
    if s["form"] == "naive":
        times = fixed(found["naive_macs"] / budget, 1)
        words = [
            f"Naive: {found['naive_macs']:,} MACs, {times} times the budget of {key}, for "
            f"{found['naive_channels']:,} channels out.",
            f"The pool alone passes on all {s['c_in']:,} of its input.",
        ]
    elif s | preset == s:
        words.append("Can you keep the channels for less?")
    else:
        share = fixed(100 * abs(off) / budget, 1)
        spent = f"You are {abs(off):,} MACs ({share}%) {'over' if off > 0 else 'under'} it"
        channels = f"with {abs(more):,} channels {'more' if more > 0 else 'fewer'}"
        words.append(
            f"{spent if off else 'You spend exactly that'}, {channels if more else 'with as many channels'}."
        )
        if off < 0 and more >= 0:
            words.append(_priced(s, found, key))
    wide = [branch for branch in ("3x3", "5x5") if s[f"reduce{branch}"] >= s["c_in"]]
    if wide:
        words.append(
            f"The {' and the '.join(wide)} reduction reduces nothing: {s['c_in']:,} channels come in."
        )
    return " ".join(words)


def _priced(s: dict, found: dict, key: str) -> str:
    """What fewer MACs for as many channels are worth."""
    preset = module_presets()[key]
    if any(s[name] != preset[name] for name in ("grid", "c_in")):
        return "But the budget is for another input."
    before = InceptionWidget.of(key).result()
    lost = [
        f"the {branch} can see {percent(found[f'kept_{branch}'], 100, 1)} of the variance at most, "
        f"not {percent(before[f'kept_{branch}'], 100, 1)}"
        for branch in ("3x3", "5x5")
        if found[f"kept_{branch}"] < before[f"kept_{branch}"]
    ]
    return f"The price: {'; '.join(lost)}." if lost else "Beaten."


def pooling(widget: PoolingWidget) -> Said:
    found, s = widget.result(), widget.settings
    positions, block = f"{s['grid'] ** 2:,}", f"{s['channels']:,}x{s['outputs']:,}"
    shown = [
        f"Weights as areas, to one scale: {positions} blocks of {block}, one for each position; one such "
        "block for their mean; and all of GoogLeNet."
    ]
    for form, text in (("connected", "Flatten and connect"), ("pooled", "Average, then connect")):
        weights = found[f"{form}_weights"]
        size = f"{fixed(4 * weights / 2**20, 1)} MiB in float32, {found[f'{form}_macs']:,} MACs"
        shown += [text, f"{weights:,} weights", size]
    shown += ["All of GoogLeNet, to compare", "6,990,272 weights", "without the auxiliary heads"]
    verdict = (
        f"Flattened, each of the {positions} positions has a block of {block} weights of its own. "
        "Averaged, all share one. The pooling itself has none."
    )
    if widget.grid == 1:
        verdict = "On a map of one position there is nothing to pool: both are the same layer."
    counted = (
        f"{found['connected_weights']:,} weights fully connected, {found['pooled_weights']:,} after pooling."
    )
    return [*shown, verdict], f"{counted} {verdict}"


def network(widget: NetworkWidget) -> Said:
    s = widget.settings
    try:
        counts, found, fails = widget.counts(), widget.result(), ""
    except ArchitectureError as error:
        verdict, fails = f"There is no such network. {error}", str(error).partition(":")[0]
        # what has the same rows, and is there
        counts = NetworkWidget(**s | {"size": 224}).counts()
        found = {}
    else:
        same = (s["size"], s["width"], s["variant"]) == (224, 1, "paper")
        verdict = f"{found['macs']:,} MACs, {found['weights']:,} weights, "
        verdict += f"{found['parameters']:,} parameters with biases"
        verdict += " and batch normalization." if s["variant"] == "torchvision" else "."
        if not same:
            verdict += " The printed figures are for another network than this one."
    shown = [verdict, "Counted, beside what the paper prints for 224 pixels and width 1", "Table 1, counted"]
    shown += ["row", "output", "MACs", "printed", "weights", "printed"]
    belongs = table1_rows(counts)
    outputs = {belongs[row.path]: shape_text(row.out_shape) for row in counts.rows}
    outputs = {name: text if "x" in text else f"{int(text):,}" for name, text in outputs.items()}
    if fails:
        outputs = {name: "ends here" if name == belongs[fails] else "–" for name in outputs}
    printed = {row.name: row for row in paper.TABLE1}
    names = list(printed)
    names.insert(names.index("pool1") + 1, "norm1")
    names.insert(names.index("conv2") + 1, "norm2")
    for name in (*names, "aux1", "aux2"):
        if name not in outputs:
            continue
        macs, weights = (found["rows"][name][what] if found else 0 for what in ("macs", "weights"))
        ops, params = (printed[name].ops, printed[name].params) if name in printed else (None, None)
        row = [name.removeprefix("inception_"), outputs[name], f"{macs:,}" if macs else "–", ops]
        shown += [text for text in (*row, f"{weights:,}" if weights else "–", params) if text]
    return shown, verdict


def span(seconds: int) -> str:
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            count = seconds / length
            return f"{fixed(count, 1) if count < 10 else f'{floor(count + 0.5):,}'} {name}s"
    return f"{seconds:,} second{'' if seconds == 1 else 's'}"


def training(widget: TrainingWidget) -> Said:
    found, recipe = widget.result(), widget.chosen()
    time = span(found["seconds"])
    verdict = f"{widget.recipe} on {widget.data}: {time} at {widget.rate:,} images per second."
    lines = {
        "Updates of the weights": f"{found['updates']:,} of {recipe.batch} images",
        "Images seen": f"{found['images']:,}",
        "Arithmetic": f"{found['tflops']:,} TFLOP",
        "Time": time,
        "Cost": plain(found["cents"] / 100) if widget.price else "nothing but patience",
    }
    return [text for line in lines.items() for text in line] + [verdict], verdict


def heads(widget: HeadsWidget) -> Said:
    found, epoch, weight = widget.result(), widget.epoch, widget.weight
    names = {"main": "classifier", "aux1": "first head", "aux2": "second head"}
    runs = {
        f"{run['aux_weight']:g}": run["history"]
        for run in results.load("head_weight").outcome["runs"]
        if run["seed"] == 0
    }
    modules = ["conv1", "conv2_reduce", "conv2", "3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]
    when = f"After epoch {epoch}" if epoch else "Before the training"
    losses = {name: found.get({"main": "loss"}.get(part, part)) for part, name in names.items()}
    lost = ", ".join(f"{name} {fixed(n / 1000, 2)}" for name, n in losses.items() if n is not None)
    loss = f"{f'In epoch {epoch}: {lost}' if epoch else when}. Guessing: 2.30."
    top1 = "In color the chosen weight, in gray the others."
    if epoch:
        reached = {w: percent(round(1e4 * run[epoch - 1]["top1"]), 100, 1) for w, run in runs.items()}
        others = ", ".join(f"{reached[w]} with weight {w}" for w in ("0", "0.1", "0.3", "1") if w != weight)
        top1 = f"{when}: {reached[weight]}. Gray: {others}."
    norms = {
        name: {
            m: precise(found[f"{part}_{i}"] / 1e6) for i, m in enumerate(modules, 1) if f"{part}_{i}" in found
        }
        for part, name in names.items()
    }
    norms = {name: sizes for name, sizes in norms.items() if sizes}
    at3a = ", ".join(f"{name} {sizes['3a']}" for name, sizes in norms.items())
    norm = f"{when}, in 3a: {at3a}. Dashed: where the heads stand."
    all_norms = " ".join(
        f"{name}: {', '.join(f'{m} {n}' for m, n in sizes.items())}." for name, sizes in norms.items()
    )
    verdict = f"With weight {weight}" if weight != "0" else "Without heads"
    verdict += f", {when[0].lower()}{when[1:]}"
    if epoch:
        verdict += f": top-1 {reached[weight]}, the classifier's loss {fixed(found['loss'] / 1000, 2)}"
    verdict += "."
    shown = [*names.values(), "Training loss", f"Training losses over 5 epochs. {loss}", loss]
    shown += ["Top-1 accuracy, validation", f"Top-1 accuracy over 5 epochs. {top1}", top1]
    shown += ["Norm of the gradient, by the loss that it comes from"]
    shown += [f"Norms of the gradients by layer, on a logarithmic axis. {norm} {all_norms}", norm]
    return [*shown, verdict], f"{verdict} {norm}"


def ensemble(widget: EnsembleWidget) -> Said:
    one = ensemble_table()[widget.data]
    found, cells, top = widget.result(), one["cells"], one["top"]
    passes, start = widget.models * widget.crops, (widget.models, widget.crops) == (1, 1)
    networks = f"{widget.models} network{'s' * (widget.models > 1)}"
    crop = f"{widget.crops} crop{'s' * (widget.crops > 1)}"

    def signed(n: int) -> str:
        return f"{'+' if n > 0 else '−' if n < 0 else ''}{fixed(abs(n) / 100, 2)}"

    def details(k: int) -> Iterator[str]:
        if f"error{k}_low" in found:
            high = percent(found[f"error{k}_high"], 100, 2)
            yield f"interval {fixed(found[f'error{k}_low'] / 100, 2)} to {high}"
        if not start:
            ends = ""
            if f"change{k}_low" in found:
                ends = f" ({signed(found[f'change{k}_low'])} to {signed(found[f'change{k}_high'])})"
            yield f"change {signed(found[f'change{k}'])}{ends} points"
        if found["choices"] > 1:
            least = fixed(found[f"error{k}_least"] / 100, 2)
            most, mean = (percent(found[f"error{k}_{what}"], 100, 2) for what in ("most", "mean"))
            yield f"over all {found['choices']} choices of the networks {least} to {most}, mean {mean}"

    shown, known = [], []
    for k in (1, 5):
        if f"error{k}" not in cells["mean 1 1"]:
            continue
        shown.append(f"Top-{k} error")
        if found["measured"]:
            error = percent(found[f"error{k}"], 100, 2)
            known.append(f"Top-{k} error {error}.")
            shown += [text for text in (error, "; ".join(details(k))) if text]
        else:
            shown.append("not measured")
    shown += ["Forward passes for each image", f"{passes:,}", f"{networks} × {crop}"]
    if not found["measured"]:
        models = sorted({int(key.split()[1]) for key in cells})
        if widget.pool not in {key.split()[0] for key in cells}:
            verdict = "Here only the mean was published, not the maximum."
        elif models == [1]:
            verdict = f"Here 1 network was tested, not {widget.models}."
        else:
            *others, last = map(str, models)
            verdict = f"Here {', '.join(others)} and {last} networks were tested, not {widget.models}."
    elif start:
        verdict = "This is the baseline: changes are counted from here."
    else:
        change = found[f"change{top}"]
        verb = "falls" if change < 0 else "rises"
        moved = f"{verb} by {fixed(abs(change) / 100, 2)} points" if change else "stays as it was"
        verdict = f"The top-{top} error {moved}"
        if f"change{top}_low" in found:
            chance = found[f"change{top}_low"] <= 0 <= found[f"change{top}_high"]
            verdict += "; so small a change may be chance" if chance else ", more than chance would explain"
        verdict += "."
    curves = []
    for n in (1, 10, 144):
        row = sorted(
            (int(models), cell[f"error{top}"])
            for (pool, models, of), cell in ((key.split(), cell) for key, cell in cells.items())
            if (pool, of) == (widget.pool, str(n))
        )
        if row:
            points = (f"{percent(e, 100, 2)} with {m} network{'s' * (m > 1)}" for m, e in row)
            curves.append(f"{n} crop{'s' * (n > 1)}: {', '.join(points)}.")
    plot = f"Top-{top} error against forward passes, by crops. {' '.join(curves) or 'Nothing was measured.'}"
    said = f"{passes:,} forward pass{'es' * (passes > 1)}. {' '.join(known)} {verdict}"
    return [*shown, verdict, plot, one["about"]], said


def lineage(widget: LineageWidget) -> Said:
    rows, found = history.table(), widget.result()
    name = list(history.NETWORKS)[widget.network - 1]
    title, procedure = history.NETWORKS[name].title, history.PROCEDURES[widget.procedure]
    others, better, smaller = found["shown"] - 1, found["better"], found["smaller"]
    few, more, one, many = {
        "parameters": ("no more parameters", "more parameters", "has", "have"),
        "macs": ("no more MACs", "more MACs", "has", "have"),
        "depth": ("no more layers", "more layers", "has", "have"),
        "year": ("to no later year", "to a later year", "belongs", "belong"),
    }[widget.axis]
    if not found["error"]:
        verdict = f"{title} has no published top-5 error with {procedure}, so it is not in the plot."
    elif not better:
        verdict = f"None of the other {others} networks shown has a lower one."
    else:
        have = "has" if better == 1 else "have"
        verdict = f"Of the other {others} networks shown, {better} {have} a lower one, and "
        if smaller:
            verdict += f"{smaller} of those {one if smaller == 1 else many} {few}."
        else:
            verdict += f"it {one} {more}." if better == 1 else f"all of those {many} {more}."
    if found["error"]:
        verdict = f"{title}: top-5 error {percent(found['error'], 100, 2)}, with {procedure}. {verdict}"
    across = {"parameters": "parameters", "macs": "MACs", "depth": "layers deep", "year": "year"}[widget.axis]
    column = {"macs": "MACs"}.get(widget.axis, widget.axis)
    dots = [
        f"{row['title']}: {plain(row[widget.procedure])}% at "
        + (f"{row[column]}" if widget.axis == "year" else f"{row[column]:,}")
        for _, row in rows[rows[widget.procedure].notna()].iterrows()
    ]
    shown = [verdict, f"Top-5 error against {across}, a dot for each network. {'; '.join(dots)}."]
    shown += ["Year", str(found["year"]), "Depth", f"{found['depth']} layers"]
    shown += ["Parameters", f"{found['parameters']:,}", "MACs on one crop", f"{found['macs']:,}"]
    for error in history.NETWORKS[name].errors:
        shown += ["Top-5 error", f"{error.error:.2f}%", f"{error.measured}. Source: {error.source}."]
    return shown, verdict


def compared(widget: ComparisonWidget) -> Said:
    what, found = widget.what, widget.result()
    counted = {"depth": "layers deep", "macs": "MACs"}.get(what, what)
    sides = {
        side: comparison.stages(history.NETWORKS[getattr(widget, side)].make()) for side in ("left", "right")
    }
    titles = {side: history.NETWORKS[getattr(widget, side)].title for side in sides}
    shown = ["Stages, table"]
    caption = "Layers on the longest path" if what == "depth" else counted
    shown += [f"{caption} by stage, and the output; choose a stage to list its layers", *titles.values()]
    places = ["input size", "1/2 size", "1/4 size", "1/8 size", "1/16 size", "1/32 size", "vectors"]
    for i, place in enumerate(places):
        shown.append(f"{i + 1}. {place}")
        for stages in sides.values():
            stage = stages[i]
            shown += [f"{getattr(stage, what):,}", stage.output] if stage.units else ["–"]
    for count in ("parameters", "macs", "activations", "depth"):
        shown.append(f"{'MACs' if count == 'macs' else count.capitalize()}, all")
        shown += [f"{found[f'{side}_{count}']:,}" for side in sides]
    shown.append(f"Stage {widget.stage}, layer by layer, in the order of the network:")
    for side, stages in sides.items():
        units = stages[widget.stage - 1].units
        shown.append(titles[side])
        for unit in units:
            shown += [unit.name, f"{getattr(unit, what):,}", f"{unit.text}: {unit.output}"]
        if not units:
            shown.append("It has no layer in this stage.")
    left, right = (found[f"{side}_{what}"] for side in sides)
    ratio = right / left
    if ratio >= 1:
        times = f"{fixed(ratio, 1) if ratio < 100 else f'{floor(ratio + 0.5):,}'} times as many"
    else:
        times = f"{fixed(100 * ratio, 1 if ratio < 0.1 else 0)}% of that"
    where = f"in stage {found['apart']}" if found["apart"] < 7 else "after the last feature map"
    verdict = (
        f"{titles['left']}: {short(left)} {counted}. {titles['right']}: {short(right)}, {times}. "
        f"They differ most {where}."
    )
    if widget.left == widget.right:
        verdict = f"{titles['left']} beside itself: choose another network."
    here = f"{found['left_stage']:,} and {found['right_stage']:,} {counted}"
    return [verdict, *shown], f"{verdict} Stage {widget.stage}: {here}."


def morphed(widget: MorphWidget) -> Said:
    found, stops = widget.result(), STOPS[widget.depth]
    network, key = stops[widget.stop - 1]
    milestone = history.NETWORKS[network]
    branches = module_of_network(network, key)[1].branches
    texts = {branch.name: comparison.branch_text(branch) for branch in branches}
    name = f"{milestone.year}, {milestone.title}, {key.removeprefix('inception_')}"
    verdict = f"{name}. {widget.table['stops'][widget.depth][widget.stop - 1]['said']}"
    facts = (
        f"A map of {found['grid']}x{found['grid']}, {found['channels_in']:,} channels in and "
        f"{found['channels_out']:,} out. An output sees up to {found['sees']} positions across, "
        f"through at most {found['layers']} convolutions. {found['weights']:,} weights."
    )
    mark = MorphWidget(depth=widget.depth).result()["macs"]
    shown = ["Where in the network", "First modules", "Middle", "Last module", "▶ Play", "Year"]
    for other, _ in stops:
        shown += [str(history.NETWORKS[other].year), history.NETWORKS[other].title]
    shown.append(f"{name}: {' '.join(f'{branch}: {text}.' for branch, text in texts.items())}")
    shown += ["MACs", f"{short(found['macs'])}, GoogLeNet {short(mark)}", facts, verdict]
    shown.append("Its branches, layer by layer")
    for i, (branch, text) in enumerate(texts.items(), 1):
        shown += [branch, f"{text}: {found[f'lane_{i}']:,} MACs"]
    return shown, f"{verdict} {found['macs']:,} MACs. {facts}"


WORDS: dict[type, Callable[..., Said]] = {
    ReductionWidget: reduction,
    InceptionWidget: inception,
    PoolingWidget: pooling,
    NetworkWidget: network,
    TrainingWidget: training,
    HeadsWidget: heads,
    EnsembleWidget: ensemble,
    LineageWidget: lineage,
    ComparisonWidget: compared,
    MorphWidget: morphed,
}
