"""Where and how a net computes: device, number of threads, precision."""

from contextlib import contextmanager

import torch

# Multiply-adds of a batch in the forward pass. Below, threads cost more than they compute; and on a
# busy machine they wait for each other in every layer, which can make a step 100 times slower.
WORTH_THREADS = 64e6


def usable_device(device):
    """Return a device, or "cpu" where this machine has no such device.

    Parameters
    ----------
    device : str
    """
    try:
        torch.zeros(1, device=device).item()  # the meta device has no values
    except (RuntimeError, AssertionError):  # what torch raises differs from device to device
        return "cpu"
    return device


@contextmanager
def fitting_threads(module, batch_size):
    """Keep torch to one thread for the block if batches through a module are little work.

    Parameters
    ----------
    module : nn.Module
        Its weights are taken to be used once per row, as those of linear layers are.
    batch_size : int
    """
    before = torch.get_num_threads()
    work = batch_size * sum(weight.numel() for weight in module.parameters())
    if before == 1 or work >= WORTH_THREADS:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def single_precision(module):
    """Hold a module in float32 for the block, if that resolves the data it is scaled to.

    Training takes noisy steps and is twice as fast in float32. Afterwards the module is what it
    was, and whoever encodes float64 data gets float64 arithmetic.

    Parameters
    ----------
    module : AutoencoderModule
    """
    dtype = module.offset.dtype
    scale, largest = module.scale.item(), module.offset.abs().max().item()
    resolved = largest < 1000 * scale and 1e-15 < scale < 1e15  # the squares, too
    if dtype == torch.float32 or not resolved:
        yield
        return
    before = [tensor.clone() for tensor in float_tensors(module)]
    module.float()
    rounded = [tensor.clone() for tensor in float_tensors(module)]
    try:
        yield
    finally:
        trained = float_tensors(module)
        module.to(dtype)
        # Adding the change keeps what float64 knew of weights that hardly moved.
        for tensor, *values in zip(float_tensors(module), before, rounded, trained, strict=True):
            start, start_rounded, end = (value.to(dtype) for value in values)
            tensor.copy_(start + (end - start_rounded))


def float_tensors(module):
    """Return parameters and buffers that hold real numbers, detached, shared ones once.

    Buffers too: running statistics belong to the weights that they were gathered with.

    Parameters
    ----------
    module : nn.Module
    """
    tensors = [*module.parameters(), *module.buffers()]
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
