"""A widget in a real JupyterLab: it is drawn, the keyboard moves it, and the kernel hears of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from inception_lib.book import widgets
from inception_lib.book.bundled import bundled
from tools import reference

PATIENCE = 120  # seconds, for a slow machine
#: Every widget of the book, and the arguments of those that need some.
EXAMPLES = {name: reference.EXAMPLES.get(name, {}) for name in widgets.__all__}
#: A widget that runs the bundled network, whose weights it gets from the kernel.
LIVE = """
import anywidget
from inception_lib.book.live import parts
from inception_lib.book.live.widget import Living
from inception_lib.book.scripts import joined

class Shown(Living, anywidget.AnyWidget):
    _esm = joined(parts.FOLDER / "client.js") + '''
    export default { async render({ model, el }) {
      const all = await parts(model, "shapes-3"), live = new Live(all);
      await live.open(all.networks["shapes-3"]);
      const { logits } = await live.run({ input: new Float32Array(3 * 80 * 80).fill(0.5) });
      el.className = "live";
      el.textContent = JSON.stringify([...logits]);
    } };
    '''

Shown()
"""


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab that shows a notebook with a widget and a cell that reads its settings."""
    cells = [
        new_code_cell(
            "from inception_lib.book.widgets import ReductionWidget\n"
            "widget = ReductionWidget(grid=20)\n"
            "widget"
        ),
        new_code_cell("print(widget.grid, widget.result()['reduced_macs'])"),
    ]
    xray = [
        new_code_cell(
            "from inception_lib.book.widgets import XrayWidget\nwidget = XrayWidget(turn=10)\nwidget"
        ),
        new_code_cell("print(widget.turn)"),
    ]
    every = [
        new_code_cell(
            "from IPython.display import display\n"
            "from inception_lib.book import widgets\n"
            f"for name, settings in {EXAMPLES!r}.items():\n"
            "    display(getattr(widgets, name)(**settings))"
        )
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "widget.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell(LIVE)], metadata=kernel), tmp_path / "live.ipynb")
    nbformat.write(new_notebook(cells=xray, metadata=kernel), tmp_path / "xray.ipynb")
    nbformat.write(new_notebook(cells=every, metadata=kernel), tmp_path / "every.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "lab.log").open("w")
    own = {
        name: str(tmp_path / name)
        for name in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR",
        )
    }
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            "--IdentityProvider.token=",
            f"--ServerApp.root_dir={tmp_path}",
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
        env=os.environ | own,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"{url}/api", timeout=5).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    said = (tmp_path / "lab.log").read_text()
                    pytest.fail(f"JupyterLab did not start:\n{said}", pytrace=False)
                time.sleep(0.3)
        yield f"{url}/lab/tree"
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def run_all(chromium, address: str):
    """The page of a notebook, all cells of which were run."""
    page = chromium.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # cells run before that may be forgotten
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    return page


def test_the_kernel_sends_the_network_that_runs_in_the_page(lab, chromium):
    page = run_all(chromium, f"{lab}/live.ipynb")
    found = json.loads(page.locator(".live").inner_text())
    page.close()
    network = next(bundled(3)).network
    with torch.no_grad():
        want = network(torch.full((1, 3, 80, 80), 0.5)).logits[0]
    # the page has it in int8, another network altogether would be off by far more
    assert torch.tensor(found).sub(want).abs().max() < 0.05 * want.abs().max()


def test_the_xray_runs_in_a_notebook_and_the_kernel_follows(lab, chromium):
    """Its network comes by traitlet and from no file. All that it uses of its front end is what anywidget
    promises of any, VS Code's renderer included: get, set, save_changes, on, off, and its script and style as
    text. VS Code itself is not run here."""
    page = run_all(chromium, f"{lab}/xray.ipynb")
    root = page.locator(".inception-widget")
    settled = "root => root.dataset.answered && root.dataset.answered === root.dataset.settings"
    page.wait_for_function(settled, arg=root.element_handle())
    before = root.get_attribute("data-probabilities")
    stage = root.locator("canvas").first
    stage.focus()
    stage.press("]")  # turns the object by ten degrees
    page.wait_for_function(settled, arg=root.element_handle())
    assert '"turn":20' in root.get_attribute("data-settings")
    assert root.get_attribute("data-probabilities") != before
    assert root.locator(".iw-column").count() == 4
    page.wait_for_timeout(500)  # the change is on its way to the kernel
    printed = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    page.locator(".jp-CodeCell").nth(1).click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("(cell) => cell.innerText.trim() === '20'", arg=printed.element_handle())
    fetched = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert fetched and not [name for name in fetched if name.endswith("live.js")]
    page.close()


def test_every_widget_is_drawn_and_says_its_result(lab, chromium):
    page = run_all(chromium, f"{lab}/every.ipynb")
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    roots = page.locator(".inception-widget")
    page.wait_for_function(
        "n => document.querySelectorAll('.inception-widget').length === n", arg=len(EXAMPLES)
    )
    for root in roots.all():
        page.wait_for_function("root => root.innerText.trim().length > 5", arg=root.element_handle())
    # anywidget gives a widget two seconds to begin, says so where a loaded machine takes more, and goes on
    errors = [error for error in errors if error != "[anywidget] Failed to initialize model."]
    assert page.locator('.inception-widget [role="alert"]:visible').count() == 0 and errors == []
    settings = roots.evaluate_all("all => all.filter((root) => 'settings' in root.dataset).length")
    assert settings >= len(EXAMPLES) - len(reference.EXAMPLES)  # a guess, an answer and a quiz have none
    page.close()


def test_a_widget_moves_and_the_kernel_follows(lab, chromium):
    page = run_all(chromium, f"{lab}/widget.ipynb")
    root = page.locator(".inception-widget")
    root.wait_for()
    printed = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    printed.wait_for()
    assert printed.inner_text().split()[0] == "20"
    slider = root.locator('input[type="range"]').first
    slider.focus()
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    assert '"grid":22' in root.get_attribute("data-settings")
    page.wait_for_timeout(500)  # the change is on its way to the kernel
    page.locator(".jp-CodeCell").nth(1).click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("(cell) => cell.innerText.startsWith('22')", arg=printed.element_handle())
    assert printed.inner_text().split() == ["22", root.get_attribute("data-reduced-macs")]
    page.close()
