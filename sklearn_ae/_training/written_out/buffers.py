"""Tensors that are written to again and again."""


class Buffers(dict):
    """Tensors by their names and shapes, made when they are first asked for."""

    MOST = 64  # batches have two or three sizes; of more, buffers are made anew now and then

    def __call__(self, name, like, *shape):
        """Return the tensor of a name and a shape, if one is given, or that of another tensor.

        Parameters
        ----------
        name : str
        like : Tensor
            Of the same dtype, on the same device.
        *shape : int
        """
        key = name, *(shape or like.shape)
        if key not in self:
            if len(self) == self.MOST:
                self.clear()
            self[key] = like.new_empty(key[1:])
        return self[key]
