"""Images: rows that are pictures, side by side on one pair of axes."""

import numpy as np

from .._validation import positive_integers
from ._figure import plain

GAP_COLOR = (0.84, 0.37, 0.0, 0.35)  # of pixels that are missing: a colour no grey picture has


def checked_image_shape(image_shape, n_features):
    """Return the shape of an image; raise ValueError unless so many features fill it.

    Parameters
    ----------
    image_shape : tuple of int
        Height and width, and 1, 3 or 4 channels at most.
    n_features : int

    Returns
    -------
    image_shape : tuple of int
    """
    shape = positive_integers(image_shape)
    n_sides = 0 if shape is None else len(shape)
    if n_sides not in (2, 3) or (n_sides == 3 and shape[2] not in (1, 3, 4)):
        raise ValueError(
            f"image_shape={image_shape!r} should be (height, width), or (height, width, channels) "
            "with 1, 3 (red, green, blue) or 4 channels."
        )
    if np.prod(shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} has {np.prod(shape)} pixel values, but rows have "
            f"{n_features} features. Use the shape of the images before they became rows."
        )
    return tuple(shape)


def brightness(X):
    """Return the values that are drawn darkest and brightest: the usual ones if they fit.

    Parameters
    ----------
    X : ndarray
        Images that have them.

    Returns
    -------
    low, high : float
    """
    low, high = float(np.nanmin(X)), float(np.nanmax(X))
    for usual in (1.0, 255.0):
        if low >= 0 and usual / 2 < high <= usual:
            return 0.0, usual
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def colored(rows, image_shape, cmap, limits):
    """Return rows as images of red, green, blue and opacity.

    Parameters
    ----------
    rows : ndarray of shape (n_images, n_features)
        NaN where a pixel is missing.
    image_shape : tuple of int
    cmap : str or Colormap
        Of images of one channel.
    limits : tuple of float
        What is drawn darkest and brightest.

    Returns
    -------
    images : ndarray of shape (n_images, height, width, 4)
    """
    from matplotlib import colormaps

    low, high = limits
    images = rows.reshape(len(rows), *image_shape[:2], -1)
    missing = np.isnan(images).any(axis=-1)
    images = ((np.nan_to_num(images, nan=low) - low) / (high - low)).clip(0, 1)
    if images.shape[-1] == 1:
        images = colormaps.get_cmap(cmap)(images[..., 0])
    elif images.shape[-1] == 3:
        images = np.concatenate([images, np.ones((*images.shape[:-1], 1))], axis=-1)
    images[missing] = GAP_COLOR
    return images


def mosaic(images):
    """Return images as one, with a gap around each.

    Parameters
    ----------
    images : ndarray of shape (n_lines, n_columns, height, width, 4)

    Returns
    -------
    mosaic : ndarray of shape (n_lines * (height + gap), n_columns * (width + gap), 4)
    """
    gap = gap_of(images.shape[2:4])
    padded = np.pad(images, [(0, 0), (0, 0), (gap, gap), (gap, gap), (0, 0)])
    n_lines, n_columns, height, width, _ = padded.shape
    return padded.transpose(0, 2, 1, 3, 4).reshape(n_lines * height, n_columns * width, 4)


def gap_of(sides):
    """Return how many empty pixels are on each side of an image.

    Parameters
    ----------
    sides : tuple of int
    """
    return max(1, round(max(sides) / 24))


def draw_lines_of_images(ax, lines, image_shape, cmap, limits, columns=None):
    """Draw lines of images with their names to the left.

    Parameters
    ----------
    ax : Axes
    lines : dict of str to ndarray of shape (n_images, n_features)
    image_shape : tuple of int
    cmap : str or Colormap
    limits : tuple of float
    columns : list of str or None, default=None
        What to write below the columns.

    Returns
    -------
    image : AxesImage
    """
    images = np.stack([colored(rows, image_shape, cmap, limits) for rows in lines.values()])
    n_lines, n_columns, height, width, _ = images.shape
    gap = gap_of((height, width))
    # Small images are seen pixel by pixel; large ones have to be shrunk without moiré.
    how = "nearest" if max(height, width) <= 64 else "auto"
    drawn = ax.imshow(mosaic(images), interpolation=how)
    ax.set_yticks((np.arange(n_lines) + 0.5) * (height + 2 * gap) - 0.5, map(plain, lines))
    places = (np.arange(n_columns) + 0.5) * (width + 2 * gap) - 0.5
    ax.set_xticks([] if columns is None else places, columns)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return drawn


def figsize_of_images(n_lines, n_columns, image_shape):
    """Return the size of a figure in which images are large enough, in inches.

    Parameters
    ----------
    n_lines, n_columns : int
    image_shape : tuple of int
    """
    shape = image_shape[0] / image_shape[1]
    width = min(1.1, 9 / n_columns)
    return max(n_columns * width + 1.6, 4), max(n_lines * min(width * shape, 2) + 0.5, 1.5)
