"""The errors that a user can cause. Each message is one sentence that says what is wrong and where."""


class InceptionError(Exception):
    """Base of all errors meant for the user; the command line prints it without a traceback."""


class ArchitectureError(InceptionError, ValueError):
    """A network that cannot exist; the sentence begins with the path of the offending layer."""


class WeightsError(InceptionError, ValueError):
    """A weights file that is missing, damaged, or that belongs to another network."""


class PictureError(InceptionError, ValueError):
    """A picture that cannot be read."""


class TrainingError(InceptionError, ValueError):
    """A training run that cannot begin or cannot go on."""


class DataError(InceptionError, ValueError):
    """A data set that is missing, empty, or damaged beyond the limit."""


class TeamError(TrainingError):
    """Another process of a run with several has ended."""
