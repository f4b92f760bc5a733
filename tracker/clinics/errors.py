"""``NotFoundOrHidden``: one error for a missing object and for one of somebody else."""


class NotFoundOrHidden(Exception):
    """There is no such thing, or not for whoever asks. The two cannot be told apart."""
