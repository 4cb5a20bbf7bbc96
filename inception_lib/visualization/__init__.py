"""What a network sees: images that excite its channels, its first filters, and where it sees a class."""

from inception_lib.visualization.class_maps import class_map as class_map
from inception_lib.visualization.class_maps import grad_cam as grad_cam
from inception_lib.visualization.optimized import as_input as as_input
from inception_lib.visualization.optimized import dream as dream
from inception_lib.visualization.optimized import excitation as excitation
from inception_lib.visualization.optimized import filters as filters
from inception_lib.visualization.optimized import visualize as visualize
