"""What parts of a training say of themselves."""


def says(thing, name):
    """Return what the class of a thing says by a name in its own body; None if it does not.

    A class that inherits from it may do something else.

    Parameters
    ----------
    thing : object
    name : str
    """
    if name not in vars(type(thing)):
        return None
    return getattr(thing, name)
