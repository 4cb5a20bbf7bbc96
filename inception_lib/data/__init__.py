"""From files to batches: images and what a network takes of them, data sets, augmentation, order.

`images`, `shapes`, `augmentation` and `imagenet` import no torch.
"""
