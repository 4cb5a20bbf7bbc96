"""What the widgets of crops, their factors and the wall show, made by Python; see widget_words.py."""

from __future__ import annotations

from collections import Counter

from widget_words import Said, fixed, percent

from inception_lib.book import results
from inception_lib.book.widgets import CropWidget, FactorsWidget, WallWidget


def crops(widget: CropWidget) -> Said:
    found, table, n = widget.result(), widget.table, widget.averaged
    name, of = table["classes"].__getitem__, "of 1 crop" if n == 1 else f"of the {n} crops"
    votes = [max(range(len(v["p"])), key=lambda k, p=v["p"]: (p[k], -k)) for v in table["views"]]

    def counted(some: list[int]) -> list[str]:
        return [f"{name(k)} {m}" for k, m in sorted(Counter(some).items(), key=lambda one: (-one[1], one[0]))]

    covered = "One crop sees its box, and nothing else."
    if n > 1:
        covered = (
            f"The pixels seen most are in {found['covered_most']} of the {n} crops, "
            f"those seen least in {found['covered_least']}."
        )
    asked = "Tap a pixel to see which crops hold it."
    if widget.column and widget.row:
        where = f"Row {widget.row}, column {widget.column} is in"
        held = [
            vote
            for view, vote in zip(table["views"][:n], votes, strict=False)
            if view["box"][0] <= widget.column - 0.5 < view["box"][2]
            and view["box"][1] <= widget.row - 0.5 < view["box"][3]
        ]
        asked = f"{where} none {of}."
        if held:
            asked = f"{where} {len(held)} {of}. They say: {', '.join(counted(held))}."
    winner = f"{name(found['mean_class1'])}, {percent(found['mean_p1'], 10**4, 1)}."
    verdict = f"The first crop alone: {winner}"
    if n > 1:
        verdict = f"Average of {n}: {winner} {found['agree']} of the {n} crops put it first."
    crop = f"{widget.scale} pixels, {widget.square} square, {widget.crop}{', mirrored' * widget.mirror}"
    shown = [
        f"The photograph, brighter where more crops look. {covered} {asked} "
        "Arrow keys move the pixel, Escape lets it go.",
        "dark: in none",
        f"bright: in all {n}" if n > 1 else "bright: in the one",
        covered,
        asked,
        verdict,
        "Crops averaged, along the curve",
        "Lines: the average so far. Dots: Egyptian cat in each crop alone, dashed where another class is "
        "first.",
        "First votes:",
        *counted(votes[:n]),
        "Crop shown, in the order of the average",
        f"The part of the photograph in the box{', mirrored' * widget.mirror}",
        f"Crop {found['number']} of 144, as the network gets it: {crop}.",
    ]
    for before, title in (
        ("", f"Crop {found['number']} alone"),
        ("mean_", f"Average of the first {n} crops" if n > 1 else "The first crop"),
    ):
        shown.append(title)
        for i in range(1, 6):
            shown += [name(found[f"{before}class{i}"]), percent(found[f"{before}p{i}"], 10**4, 1)]
    said = f"Crop {found['number']}: {name(found['class1'])}, {percent(found['p1'], 10**4, 1)}. {verdict}"
    return shown, said + f" {asked}" * bool(widget.column and widget.row)


def factor_rows(widget: FactorsWidget) -> Said:
    measure = widget.measure
    title = {"top1": "Top-1 accuracy", "top5": "Top-5 accuracy", "nats": "Mean log probability"}[measure]
    rows, record = widget.table["starts"][widget.start], results.load("crop_factors").outcome
    found = widget.result()

    def signed(n: int) -> str:
        digits = 3 if measure == "nats" else 1
        size = fixed(abs(n) / (1e4 if measure == "nats" else 100), digits)
        return f"{'+' if n > 0 else '−' if n < 0 else ''}{size}"

    def passes(n: int) -> str:
        return f"{n:,} pass{'es' * (n > 1)}"

    chosen = rows[min(widget.row, len(rows)) - 1]
    test = f"One crop and {chosen['what']}" if widget.start == "1" else f"144 crops less {chosen['what']}"
    value, low, high, low_together, high_together = (
        signed(found[end]) for end in ("value", "low", "high", "low_together", "high_together")
    )
    judged = "which may be chance"
    if found["low_together"] > 0:
        judged = "better than chance would make it"
    elif found["high_together"] < 0:
        judged = "worse than chance would make it"
    verdict = (
        f"{test}: {passes(found['after'])} in place of {found['before']}. {title} {value}"
        f"{' points' * (measure != 'nats')} ({low} to {high}; for all at once {low_together} to "
        f"{high_together}), {judged}."
    )
    part = (
        f"{record['images']:,} of {record['of']:,} photographs{' so far' * (record['images'] < record['of'])}"
    )
    about = f"{part}, one network, which may have been trained on some of them: no error rate of ImageNet."
    if measure == "nats":
        about += (
            " The log probability of the right class also falls where crops disagree, and their mean is less "
            "sure."
        )
    shown = []
    for row in rows:
        shown += [f"{'+' if widget.start == '1' else '−'} {row['what']}", passes(row["views"])]
    ends = [row[measure][end] for row in rows for end in ("low_together", "high_together")] + [0]
    step = next(n for n in (100, 200, 500, 1000, 2000, 5000) if (max(ends) - min(ends)) / n <= 5)
    ticks = range(-(-min(ends) // step) * step, max(ends) + 1, step)
    shown += [f"worse ← {'nats' if measure == 'nats' else 'points'} → better"]
    shown += [signed(n) if n else "0" for n in ticks]
    key = (
        "Thick: the interval of 95% of this comparison. Thin: that of 95% for all "
        f"{record['comparisons']} comparisons of the record at once; where it holds 0, the change may be "
        "chance."
    )
    said = (
        f"{verdict} Of {len(rows)} comparisons, {found['better']} are better and {found['worse']} worse "
        "than chance."
    )
    return [*shown, verdict, key, about], said


def wall(widget: WallWidget) -> Said:
    found, k = widget.result(), widget.result()["asked"]
    name, unit = widget.table["classes"].__getitem__, widget.table["unit"]
    is_sorted = widget.view == "sorted" and k > 0
    guesses = [n for n in (widget.guess1, widget.guess2, widget.guess3) if n]

    def error(right: int) -> str:
        return f"{fixed(100 * (1000 - right) / 1000, 1)}%"

    verdict = "Which of these 1,000 images fool the most networks? Guess three, then look."
    if not k:
        verdict = "Switch a network on, to ask it."
    elif is_sorted and k == 1:
        verdict = f"One network is wrong on {error(found['ensemble_right'])} of the images."
    elif is_sorted:
        verdict = (
            f"The mean of {k} networks is wrong on {error(found['ensemble_right'])} of the images; each "
            f"alone on {error(found['best_alone'])} to {error(found['worst_alone'])}."
        )
    shown = [verdict, "Guess again" if widget.view == "sorted" else "Sort by the answers"]
    if is_sorted:
        for title, part in (("All wrong", "wrong"), ("Split", "split"), ("All right", "right")):
            if k == 1 and part == "split":
                continue
            shown += [title, f"{found['split' if part == 'split' else f'every_{part}']:,}"]
            shown += [f"{found[f'independent_{part}']:,} if independent"] * (k > 1)
    told = ""
    if guesses:
        which = ", ".join(f"{n:,}" for n in guesses)
        told = f"Your guesses: {which}."
        if is_sorted:
            answers = f"{found['guessed']} wrong answer{'s' * (found['guessed'] != 1)}"
            told = (
                f"Your guesses, {which}, got {answers} of {len(guesses) * k}; the three hardest got "
                f"{found['hardest']} of {3 * k}."
            )
        shown.append(told)
    what = f"Image {widget.image:,}: {name(found['label'])}"
    shown += [what, "Image", "Image, slider", f"{what}."]

    def opinion(who: str, said: int, p: int) -> list[str]:
        return [who, f"{'✓' if said == found['label'] else '✗'} {name(said)}", f"{fixed(100 * p / unit, 1)}%"]

    if is_sorted:
        for n in range(1, 8):
            one = opinion(f"Network {n}", found[f"answer{n}"], found[f"p{n}"])
            shown += one if getattr(widget, f"net{n}") else [one[0], "not asked"]
        shown += opinion(f"Mean of {k}", found["mean_class"], found["mean_part"])
        shown.append(
            "Under each image a mark for each network: short and gray, right; tall and orange, wrong. Above, "
            "thin bars: as many as there would be if the networks' errors were independent."
        )
        shown.append(f"All wrong: {found['every_wrong']}")
        shown += [f"Split: {found['split']}"] * (k > 1)
        shown.append(f"All right: {found['every_right']}")
        sizes = ("every_wrong", "all wrong"), ("split", "split"), ("every_right", "all right")
        state = f", sorted: {', '.join(f'{found[key]} {text}' for key, text in sizes)}"
        says = (
            f" {k - found['wrong']} of {k} networks are right; their mean says {name(found['mean_class'])}, "
            f"{fixed(100 * found['mean_part'] / unit, 1)}%."
        )
        keys = "."
    else:
        shown.append("What the networks say of it is shown when the wall is sorted.")
        state, says, keys = "", "", ", Enter picks."
    shown.append(f"1,000 images{state}. {what}. Arrow keys move along the wall{keys}")
    shown += [str(i) for i in range(1, len(guesses) + 1)]
    return shown, " ".join(filter(None, [verdict, told, f"{what}."])) + says


WORDS = {CropWidget: crops, FactorsWidget: factor_rows, WallWidget: wall}
