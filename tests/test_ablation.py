"""The ablation as a command: a row for each number of models, crops and way of pooling."""

from inception_lib import results
from inception_lib.evaluation import ablation
from inception_lib.network import load_weights
from inception_lib.training.bundle import FOLDER
from inception_lib.training.datasets import open_data
from inception_lib.training.shapes import SIZES


def test_a_small_ablation_is_recorded_and_its_first_row_is_that_of_the_network(tmp_path, monkeypatch):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path / "results"))
    count = 4
    weights = tuple(str(FOLDER / f"shapes-{n}.safetensors") for n in (1, 2))
    assert ablation.main(weights, pictures=count, out=tmp_path / "run", record="small") == 0
    outcome = results.load("small").outcome
    assert outcome["pictures"] == count and outcome["networks"] == ["shapes-1", "shapes-2"]
    cells = {(row["pool"], row["models"], row["crops"]): row for row in outcome["rows"]}
    assert set(cells) == {(pool, models, crops) for pool in ("mean", "max") for models in (1, 2)
                          for crops in (1, 10, 144)}
    network, info = load_weights(weights[0], heads=False)
    data = open_data("shapes", "test")
    which = [i * SIZES["test"] // count for i in range(count)]
    right = sum(network(info.preprocess(data.picture(i))[None]).logits.argmax().item() == data.labels[i]
                for i in which)
    assert cells["mean", 1, 1]["top1"] == cells["max", 1, 1]["top1"] == right / count
