"""Triton's kernels in Triton's interpreter, on the CPU: a process of its own, since Triton reads the variable
TRITON_INTERPRET when it is first imported.

    TRITON_INTERPRET=1 python tests/lrn_interpreted.py CASES RESULTS
"""

from __future__ import annotations

import sys

import torch

from inception_lib.nn import lrn_triton


def main(cases: str, results: str) -> None:
    found = []
    for x, grad, settings in torch.load(cases):
        found.append((lrn_triton.forward(x, *settings), lrn_triton.backward(x, grad, *settings)))
    torch.save(found, results)


if __name__ == "__main__":
    main(*sys.argv[1:])
