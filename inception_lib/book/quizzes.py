"""The questions of the quizzes, one quiz for each chapter, with a sentence for every answer.

Numbers that the library can count are counted here, not typed. Of each question the first answer is the
right one; `quiz` gives the answers in another order, the same at every call.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

from inception_lib import networks
from inception_lib.book.widgets import tables
from inception_lib.counting import count
from inception_lib.evaluation.plan import distinct, plan, scheme
from inception_lib.networks.googlenet import INCEPTION5H_WIDTHS, PAPER_WIDTHS, googlenet
from inception_lib.paper import TABLE2, TABLE3, Table3Row


class Answer(NamedTuple):
    """A possible answer, and what is said to a reader who gives it."""

    text: str
    feedback: str


class Question(NamedTuple):
    """A question and its answers; the first is the right one."""

    text: str
    answers: tuple[Answer, ...]


def _ask(text: str, *answers: tuple[str, str]) -> Question:
    return Question(text, tuple(Answer(*answer) for answer in answers))


def _millions(number: float) -> str:
    return f"{number / 1e6:.1f} million"


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _error(team: str, year: int) -> str:
    """A team's top-5 error in Table 2, without external data."""
    return f"{next(r.error for r in TABLE2 if (r.team, r.year, r.external_data) == (team, year, 'no'))} %"


def _table3(models: int, crops: int) -> Table3Row:
    return next(row for row in TABLE3 if (row.models, row.crops) == (models, crops))


def _from_lenet() -> list[Question]:
    ours, alexnet, vgg = (count(a) for a in (googlenet(heads=False), networks.alexnet(), networks.vgg(16)))
    fewer = alexnet.parameters / ours.parameters
    return [
        _ask(
            "In 2012 SuperVision's network, AlexNet, won with a top-5 error of "
            f"{_error('SuperVision', 2012)} without external data. What was GoogLeNet's two years later?",
            (_error("GoogLeNet", 2014), "With seven networks and 144 crops of each picture."),
            (_error("Clarifai", 2013), "That was the winner's between the two, Clarifai's in 2013."),
            (_error("VGG", 2014), "That was VGG's, which came second in 2014."),
        ),
        _ask(
            "What does the top-5 error count?",
            (
                "Pictures whose class is not among the five that the network finds most probable",
                "Many pictures show more than one thing; five guesses leave room for that.",
            ),
            ("Pictures whose class is not the most probable one", "That is the top-1 error."),
            ("Mistakes in the five hardest classes", "All classes count alike."),
        ),
        _ask(
            "How many times fewer parameters than AlexNet does GoogLeNet have, by exact counts and without "
            "its auxiliary classifiers?",
            (
                f"About {fewer:.0f} times",
                f"{_millions(ours.parameters)} against {_millions(alexnet.parameters)}.",
            ),
            (
                "12 times",
                "So the paper says; the exact counts are "
                f"{_millions(ours.parameters)} and {_millions(alexnet.parameters)}.",
            ),
            (
                "About as many",
                "AlexNet's fully connected layers alone have several times the parameters of GoogLeNet.",
            ),
        ),
        _ask(
            "VGG-16 came close to GoogLeNet in accuracy. How many times as many MACs does it need?",
            (
                f"About {vgg.macs / ours.macs:.0f} times",
                f"{vgg.macs / 1e9:.1f} billion against {ours.macs / 1e9:.1f} billion for one picture.",
            ),
            (f"About {vgg.parameters / ours.parameters:.0f} times", "That is the ratio of parameters."),
            ("About as many", "VGG narrows nothing: its wide 3x3 convolutions read all channels."),
        ),
    ]


def _reduction() -> list[Question]:
    direct, reduced = tables.direct(14, 5, 480, 48).macs, tables.reduced(14, 5, 480, 48, 16).macs
    five = direct * 16 // 480
    return [
        _ask(
            "Module 4a: a 5x5 convolution from 480 to 48 channels on a 14x14 grid. How much cheaper is it "
            "behind a reduction to 16 channels?",
            (
                f"About {direct / reduced:.0f} times",
                f"{direct:,} MACs become {reduced:,}, the reduction's own {reduced - five:,} included.",
            ),
            (
                f"{direct // five} times",
                "By that factor the 5x5 convolution alone becomes cheaper. "
                "The reduction costs something, too.",
            ),
            ("25 times", "25 is the number of pixels under the kernel. It stays the same."),
        ),
        _ask(
            "What does a 1x1 convolution compute at each place?",
            ("A matrix times the vector of the channels there", "The same matrix at every place."),
            ("The mean over the neighbors", "It sees one place only, no neighbors."),
            (
                "Each channel times a number of its own",
                "It mixes the channels: every output reads every input.",
            ),
        ),
        _ask(
            "The grid gets twice as many pixels a side. What happens to the factor that is saved?",
            ("It stays", "Both costs are multiplied by the number of places, which cancels."),
            (
                "It becomes four times as large",
                "The MACs do, with the reduction and without it. Their ratio does not.",
            ),
            ("It becomes half", "Neither cost falls when the grid grows."),
        ),
        _ask(
            "The ReLU between a reduction to 16 channels and the 5x5 convolution is left out. What are both "
            "together?",
            (
                "One 5x5 convolution whose matrix at each pixel of the kernel has a rank of at most 16",
                "Two linear maps in a row are one, and no rank exceeds the narrowest place.",
            ),
            ("Any 5x5 convolution", "All that is passed on has to go through 16 channels."),
            ("One 1x1 convolution", "The second kernel still sees 25 pixels."),
        ),
    ]


def _module() -> list[Question]:
    w = PAPER_WIDTHS["3a"]
    thin = [PAPER_WIDTHS[key].reduce5x5 for key in PAPER_WIDTHS]
    return [
        _ask(
            "Why can naive modules not be stacked for long?",
            (
                "The pool branch hands on all channels, and the others add to them",
                "So the channels grow from module to module, and the cost with them.",
            ),
            ("The grid shrinks in each module", "All branches keep the grid."),
            (
                "The branches end with grids of different sizes",
                "Padding makes them equal; else they could not be joined.",
            ),
        ),
        _ask(
            f"Module 3a has the widths {', '.join(map(str, w))}. With how many channels does it end?",
            (
                str(w.out_channels),
                f"{w.n1x1} + {w.n3x3} + {w.n5x5} + {w.pool_proj}: what the four branches end with.",
            ),
            (str(sum(w)), "The two reductions stand inside their branches and are not passed on."),
            (str(w.n3x3), "The branches are joined along the channels; the widest does not decide."),
        ),
        _ask(
            "Which branch takes most of the work, in every module of GoogLeNet?",
            ("3x3", "It has the widest reduction and the most outputs of the branches with a large kernel."),
            ("5x5", f"Its kernel is the largest, but it reads only {min(thin)} to {max(thin)} channels."),
            ("1x1", "It has many outputs, but a kernel of one pixel."),
        ),
        _ask(
            "Which padding does the 5x5 convolution need for its output to fit the other branches?",
            ("2", "So its output has as many pixels a side as its input."),
            ("1", "That is right for a kernel of 3x3."),
            ("0", "Then the grid would lose four pixels a side, and the branches could not be joined."),
        ),
    ]


def _pooling() -> list[Question]:
    connected = tables.fully_connected(7, 1024, 1024).weights
    pooled = tables.pooled(7, 1024, 1024).weights
    return [
        _ask(
            "How many weights has a fully connected layer from 7x7 places of 1,024 channels to 1,024 "
            "outputs?",
            (f"{connected:,}", "7 x 7 x 1,024 inputs, each with a weight for each of 1,024 outputs."),
            (f"{pooled:,}", "That is the layer after global average pooling: the grid is missing."),
            (f"{7 * 7 * 1024:,}", "That many numbers go in. Each output has a weight for each."),
        ),
        _ask(
            "How many weights has global average pooling itself?",
            ("None", "A mean has nothing to learn."),
            ("One per channel", "Every place of a channel has the same share, which is fixed."),
            ("One per place", "Every place has the same share, which is fixed."),
        ),
        _ask(
            "What is the network blind to after the mean?",
            ("Where on the last grid something was found", "A sum does not know the order of its terms."),
            ("Which channel it was found in", "Each channel keeps a mean of its own."),
            ("How much of it was found", "The more places it is found in, the larger the mean."),
        ),
        _ask(
            "Why does a network that ends in global average pooling take pictures of other sizes?",
            ("No weight depends on the size of the grid", "The mean takes as many places as there are."),
            (
                "Pictures are resized before the first layer",
                "That works with every network, and is not what happens here.",
            ),
            (
                "Average pooling trains the network on all sizes",
                "It is a mean. How well the network does at another size is another question.",
            ),
        ),
    ]


def _network() -> list[Question]:
    plain = count(googlenet(heads=False))
    released = count(googlenet("inception5h", stem="separable", heads=False))
    half = count(googlenet(heads=False, input_size=112)).macs / plain.macs
    five_a = INCEPTION5H_WIDTHS["4a"].out_channels
    return [
        _ask(
            f"By the printed widths the network has {plain.macs / 1e9:.2f} billion MACs; the paper says 1.5 "
            "billion. What brings the exact count there?",
            (
                "A separable first layer and the widths of Google's later release",
                f"Then it is {released.macs / 1e9:.2f} billion. That the paper's was so is an inference.",
            ),
            ("Leaving out the auxiliary heads", "They are left out already."),
            ("Counting multiplications and additions apart", "That doubles the number."),
        ),
        _ask(
            "Where does the network's work sit, and where its weights?",
            ("Work early, weights late", "Early layers have large grids, late ones many channels."),
            ("Both early", "The first layers have few channels, so few weights."),
            ("Both late", "The last grid has 49 places; the first convolution's has 12,544."),
        ),
        _ask(
            "What does the paper count when it says 22 layers?",
            ("Layers with parameters on the longest way through", "With the pools there are 27."),
            ("All convolutions", "There are many more of them: each module has six."),
            ("Rows of Table 1", "A module is one row and counts as two layers."),
        ),
        _ask(
            "The input shrinks from 224 to 112 pixels a side. Which share of the MACs is left?",
            (
                _percent(half, 1),
                "A little less than a quarter: the last grid falls from 7 to 3 pixels a side, not to 3.5.",
            ),
            ("50 %", "The grid is halved in both directions."),
            ("Exactly 25 %", "Seven pixels cannot be halved; the last pool makes three of them."),
        ),
        _ask(
            "Row 4a prints params that its printed widths do not give. Which widths do?",
            (
                f"Those of the released Inception5h graph, with {five_a} channels out",
                "Its 3x3 convolution is a little narrower there. It is an inference from arithmetic.",
            ),
            ("Those of row 4b", "They belong to another module, with other costs."),
            ("None is known", "That is so for other cells of the table, not for this row."),
        ),
    ]


def _heads() -> list[Question]:
    whole = count(googlenet())
    bare = whole.trunk
    return [
        _ask(
            "Which loss does the network minimize?",
            ("The classifier's, plus 0.3 times the sum of the two heads'", "0.3 is the paper's weight."),
            ("The sum of all three", "Then the heads would count as much as the classifier."),
            ("The mean of all three", "The heads are helpers; the classifier counts in full."),
        ),
        _ask(
            "What happens to the heads at test time?",
            ("They are dropped", "They are there for the training only."),
            (
                "Their answers are averaged with the classifier's",
                "The paper averages over crops and networks, not over heads.",
            ),
            ("They replace the classifier on small pictures", "They play no part at all."),
        ),
        _ask(
            "On the outputs of which modules do the heads stand?",
            ("4a and 4d", "After 9 and 15 of the 22 layers with parameters."),
            ("3b and 4e", "Behind these two stands a pool."),
            ("5a and 5b", "There they would hardly shorten the way of the gradient."),
        ),
        _ask(
            "What do both heads together add to the parameters?",
            (
                "Nearly as many as the rest of the network has",
                f"{_millions(whole.parameters - bare.parameters)} beside {_millions(bare.parameters)}: each "
                "has two fully connected layers.",
            ),
            (
                "Less than a hundredth",
                f"That holds for the MACs: {_percent((whole.macs - bare.macs) / bare.macs, 1)} more.",
            ),
            ("Ten times as many", f"They add {_millions(whole.parameters - bare.parameters)}."),
        ),
    ]


def _crops() -> list[Question]:
    one, all_crops = _table3(1, 1).error, _table3(1, 144).error
    square = len(distinct(plan(scheme(144), 300, 300)))
    return [
        _ask(
            "4 scales, 3 squares, 6 crops of each, mirrored or not. How many crops is that?",
            (str(4 * 3 * 6 * 2), "4 x 3 x 6 x 2."),
            (str(4 * 3 * 6), "The mirror images are missing."),
            (
                str(4 * 3 * 5 * 2),
                "Beside four corners and the center there is a sixth: the whole square, resized.",
            ),
        ),
        _ask(
            "How many different crops does a square picture have?",
            (str(square), "Its left, center and right square are one and the same."),
            ("144", "Three of them at a time are equal, since there is only one square."),
            (str(square // 2), "The mirror images do differ."),
        ),
        _ask(
            "Which three squares are taken of a portrait picture?",
            ("Top, center and bottom", "The squares lie along the longer side."),
            ("Left, center and right", "So it is in a landscape picture. Here they would coincide."),
            ("Three at random", "The test has no random part."),
        ),
        _ask(
            "How are the answers for all crops put together?",
            ("The mean of the softmax outputs", "Over all crops, and then over all networks."),
            ("The maximum of each class over the crops", "The paper tried it: it was worse."),
            ("The crop that the network is surest of", "One sure crop may be wrong; the mean asks all."),
        ),
        _ask(
            f"One network errs on {one} % with one crop (top-5). And with 144?",
            (
                f"{all_crops} %",
                f"{_percent(float((one - all_crops) / one))} of its errors are gone, for 144 times the work.",
            ),
            (f"{_table3(1, 10).error} %", "That is with 10 crops."),
            (f"{_table3(7, 144).error} %", "That takes seven networks, too."),
        ),
    ]


def _ensemble() -> list[Question]:
    first, last = _table3(1, 1), _table3(7, 144)
    seven, ten = _table3(7, 1), _table3(1, 10)
    return [
        _ask(
            "In what do the paper's seven networks differ?",
            (
                "In how pictures were sampled and ordered; one is wider",
                "That was enough to make their errors differ.",
            ),
            ("In their initial weights", "They had the same, due to an oversight."),
            ("In their learning rates", "All had the same policy."),
        ),
        _ask(
            "Table 3 prints -3.45 as the gain of seven networks and 144 crops. What is it by the table's "
            "own errors?",
            (f"{last.error - first.error}", f"{last.error} - {first.error}."),
            (f"{last.change}", "So it is printed. Subtract the two errors."),
            (f"{_table3(7, 10).change}", "That is the gain with 10 crops."),
        ),
        _ask(
            "How many forward passes does one picture take with seven networks and 144 crops?",
            (f"{last.cost:,}", "7 x 144: every network looks at every crop."),
            (str(7 + 144), "Each network looks at each crop; the numbers multiply."),
            ("144", "Each of the seven networks takes that many."),
        ),
        _ask(
            "Which gains more in Table 3: ten crops with one network, or one crop with seven networks?",
            (
                "Seven networks with one crop",
                f"{seven.error} % against {ten.error} %, for {seven.cost} forward passes against {ten.cost}.",
            ),
            (
                "Ten crops with one network",
                f"{ten.error} %; seven networks with one crop reach {seven.error} %.",
            ),
            ("Both the same", f"{seven.error} % and {ten.error} %."),
        ),
        _ask(
            "When does averaging networks help most?",
            ("When they err on different pictures", "A mistake of one is then outvoted by the others."),
            ("When they always agree", "Then the mean says what each of them says."),
            ("When one is much better than the rest", "Then the rest pull the mean away from it."),
        ),
    ]


def _after() -> list[Question]:
    ours, fifty = count(googlenet(heads=False)), count(networks.resnet(50))
    external = next(r for r in TABLE2 if r.team == "SuperVision" and r.external_data != "no")
    return [
        _ask(
            f"Table 2 gives SuperVision two errors, {_error('SuperVision', 2012)} and {external.error} %. "
            "What made the difference?",
            (
                "Training on further pictures, those of ImageNet 22k",
                "GoogLeNet's entry used no external data.",
            ),
            ("More crops", "The table tells the entries apart by their training data."),
            ("Another year", "Both are of 2012."),
        ),
        _ask(
            "BN-Inception has two 3x3 convolutions for one 5x5. How many weights is that for each pair of "
            "channels, if all widths are equal?",
            (f"{2 * 3 * 3} in place of {5 * 5}", "And there is one ReLU more."),
            (f"{3 * 3} in place of {5 * 5}", "There are two of them."),
            (f"As many, {5 * 5}", "They see the same 25 pixels, with fewer weights."),
        ),
        _ask(
            "Inception v3 takes a 7x7 apart into 1x7 and 7x1. How many weights for each pair of channels?",
            (f"{7 + 7} in place of {7 * 7}", "One goes along the rows, the other along the columns."),
            (f"{7 * 7} as before", "Each of the two kernels has only 7 pixels."),
            (f"{3 * 9} in place of {7 * 7}", "That would be three 3x3 convolutions."),
        ),
        _ask(
            "How does a residual block join its two paths?",
            ("It adds them", "Both have equally many channels, and the input has a way past the layers."),
            ("It concatenates them", "An Inception module does that."),
            ("It takes the larger", "Maxout would do that."),
        ),
        _ask(
            "How do ResNet-50's MACs compare with GoogLeNet's?",
            (
                f"{fifty.macs / ours.macs:.1f} times as many",
                f"{fifty.macs / 1e9:.1f} against {ours.macs / 1e9:.1f} billion.",
            ),
            (
                f"{fifty.parameters / ours.parameters:.1f} times as many",
                "That is the ratio of their parameters.",
            ),
            ("About as many", "ResNet-50 is deeper, and its layers are wider."),
        ),
    ]


def _training() -> list[Question]:
    guess = math.log(1000)
    return [
        _ask(
            f"On 1,000 classes one of the three losses stays at {guess:.2f}. What does that say?",
            (
                "This head guesses: it gives all classes about the same probability",
                "The loss of guessing is the logarithm of the number of classes.",
            ),
            ("It has converged", "It has learned nothing yet."),
            ("The learning rate is too small", "That may be a cause; such a loss alone does not tell."),
        ),
        _ask(
            "The learning rate falls by 4 % every 8 epochs. What is left of it after 80 epochs?",
            (_percent(0.96**10), "0.96 ten times multiplied by itself."),
            (_percent(1 - 10 * 0.04), "Each time 4 % of what is left is taken away, not of the start."),
            (_percent(0.96**80), "There are ten steps in 80 epochs."),
        ),
        _ask(
            "Which of these does the paper not give?",
            ("The batch size", "Nor the first learning rate, the weight decay, or the initial weights."),
            ("The momentum", "It is 0.9."),
            ("How the learning rate falls", "By 4 % every 8 epochs."),
        ),
        _ask(
            "A forward pass takes one unit of arithmetic. About how many does a training step take for each "
            "picture?",
            ("3", "The way back takes about two: gradients for the inputs and for the weights."),
            ("1", "The way back has to be paid as well."),
            ("2", "The way back computes two gradients for each layer."),
        ),
        _ask(
            "Which variance of the initial weights keeps the signal's power through a layer with ReLU and n "
            "inputs?",
            ("2/n", "The ReLU takes half of the power away; the 2 gives it back."),
            ("1/n", "Then each ReLU halves the power."),
            ("1", "Then each layer multiplies the power by about n/2."),
        ),
    ]


#: The quizzes by key, in the order of the chapters: a title, and what makes the questions.
QUIZZES: dict[str, tuple[str, Callable[[], list[Question]]]] = {
    "lineage": ("from LeNet to GoogLeNet", _from_lenet),
    "reduction": ("the 1x1 convolution", _reduction),
    "module": ("the Inception module", _module),
    "pooling": ("global average pooling", _pooling),
    "network": ("the whole network", _network),
    "heads": ("auxiliary classifiers", _heads),
    "crops": ("scales, squares, crops", _crops),
    "ensemble": ("ensembles and the ablation", _ensemble),
    "after": ("in its time and after", _after),
    "training": ("training", _training),
}


def quiz(key: str) -> list[dict]:
    """The questions of a quiz as the browser takes them, with the keys `text` and `answers`.

    An answer has the keys `text`, `feedback` and `right`. The answers are shuffled, always alike. Raises
    KeyError where there is no such quiz.
    """
    found = []
    for question in QUIZZES[key][1]():
        answers = [{**answer._asdict(), "right": i == 0} for i, answer in enumerate(question.answers)]
        random.Random(question.text).shuffle(answers)
        found.append({"text": question.text, "answers": answers})
    return found
