"""A code that follows: given coordinates, or given distances to landmarks, or both in turn."""

import torch

from ..._training.module import AutoencoderModule, Output
from ..._training.objective import Objective
from ..._training.written_out import Written
from .written_out import DELTA, Led


class FramedModule(AutoencoderModule):
    """An autoencoder whose code can be turned, scaled and shifted after training.

    Parameters
    ----------
    encoder, decoder : nn.Module
    n_features, n_components : int
        Width of the data and of the code.
    link : callable or None, default=None

    Attributes
    ----------
    turn, turn_back : Tensor of shape (n_components, n_components)
        What the encoder's output is multiplied by, and the inverse.
    shift : Tensor of shape (n_components,)
        What is added then.
    """

    def __init__(self, encoder, decoder, n_features, n_components, link=None):
        super().__init__(encoder, decoder, n_features, link)
        self.register_buffer("turn", torch.eye(n_components))
        self.register_buffer("turn_back", torch.eye(n_components))
        self.register_buffer("shift", torch.zeros(n_components))

    def encode(self, x):
        """Return the codes of rows of data, shape (n_rows, n_components)."""
        return torch.addmm(self.shift, super().encode(x), self.turn)

    def decode(self, code):
        """Return the rows of data that codes stand for, shape (n_rows, n_features)."""
        return super().decode((code - self.shift) @ self.turn_back)

    def forward(self, x):
        """Return reconstruction and code of rows of data."""
        code = self.encode(x)
        return Output(self.decode(code), code, x)

    @property
    def written_parts(self):
        """What steps are written out for: itself, with nothing added."""
        return self, None

    def is_unframed(self):
        """Whether the code is the encoder's output."""
        identity = torch.eye(len(self.turn)).to(self.turn)
        return torch.equal(self.turn, identity) and not self.shift.any().item()

    def frame(self):
        """Return copies of what the encoder's output is multiplied by, and of what is added."""
        return self.turn.clone(), self.shift.clone()

    def unit(self):
        """Return how long the code makes a step of the encoder's output of length 1."""
        return (self.turn.square().sum() / len(self.turn)).sqrt().item()

    @torch.no_grad()
    def set_frame(self, turn, shift):
        """Make the code the output of the encoder times a matrix, plus a shift.

        Parameters
        ----------
        turn : Tensor of shape (n_components, n_components)
            A multiple of an orthogonal matrix.
        shift : array-like of shape (n_components,) or float
        """
        self.turn.copy_(turn)
        self.turn_back.copy_(self.turn.T / self.unit() ** 2)
        self.shift.copy_(torch.as_tensor(shift).to(self.shift).expand_as(self.shift))

    @torch.no_grad()
    def turn_code(self, centre, axes):
        """Make the code what it is along some axes from a centre.

        Parameters
        ----------
        centre : array-like of shape (n_components,)
        axes : array-like of shape (n_components, n_components)
            Orthonormal rows.
        """
        centre, axes = (torch.as_tensor(array).to(self.turn) for array in (centre, axes))
        self.turn.copy_(self.turn @ axes.T)
        self.turn_back.copy_(axes @ self.turn_back)
        self.shift.copy_(axes @ (self.shift - centre))


class FollowingObjective(Objective):
    """Loss, plus how far codes are from their coordinates or their distances to the landmarks.

    The guide of a row is its coordinates, after its distances to the landmarks if there are any,
    in units of the code. Without landmarks the code follows the coordinates all the time. With
    them it does so in the first steps only, and afterwards follows the distances: their stress is
    the mean pseudo-Huber loss of ``(|z - z_l| - d_l) / d_l`` over the landmarks.

    Parameters
    ----------
    loss : callable
        ``loss(reconstruction, x)``, one value per row.
    landmarks : Tensor of shape (n_landmarks, n_features) or None
        Rows of data.
    weight : float
        What the guide counts, compared to the loss.
    shortest : float, default=1.0
        Distances below are taken for it, where errors are divided by them.
    n_regressed : int, default=0
        Steps in which landmarks are left out.
    **kwargs
        As for `Objective`.
    """

    def __init__(self, loss, landmarks, weight, shortest=1.0, n_regressed=0, **kwargs):
        super().__init__(loss, **kwargs)
        self.register_buffer("landmarks", landmarks)
        self.weight = weight
        self.shortest = shortest
        self.n_regressed = n_regressed
        self.n_steps = 0

    def forward(self, module, x, weight=None, guide=None):
        """Return the values of the rows of x, shape (n_rows,), and the module's output."""
        self.n_steps += self.training
        if guide is None:
            return super().forward(module, x, weight)
        if self.landmarks is None or self.n_steps <= self.n_regressed:
            values, output = super().forward(module, x, weight)
            coordinates = guide[:, -output.code.shape[1] :]
            return values + self._regression(output.code, coordinates), output
        n_rows, n_landmarks = len(x), len(self.landmarks)
        seen = x if self.corruption is None else self.corruption(x, self.generator)
        codes = module.encode(torch.cat([seen, self.landmarks]))
        code, landmarks = codes.split([n_rows, n_landmarks])
        output = Output(module.decode(code), code, x)
        values = self._loss_values(module, output, x) / self.unit
        stress = relative_stress(code, landmarks, guide[:, :n_landmarks], self.shortest)
        return values + 2 * DELTA * self.weight * stress, output

    def written_out(self, module):
        """Return how training steps are written out for a module, or None."""
        if type(module) is not FramedModule or not module.is_unframed():
            return None
        if self.penalty is not None or self.emphasis:
            return None
        landmarks = self.landmarks
        landmarks = None if landmarks is None else module.standardise(landmarks)
        return Written(lambda encoder: Led(self, landmarks))

    def _regression(self, code, coordinates):
        weight = self.weight if self.landmarks is None else 1.0
        return weight * (code - coordinates).square().mean(dim=1)


def relative_stress(code, landmarks, distances, shortest):
    """Return the robust stress of each row: the mean pseudo-Huber loss of relative errors.

    Parameters
    ----------
    code : Tensor of shape (n_rows, n_components)
    landmarks : Tensor of shape (n_landmarks, n_components)
    distances : Tensor of shape (n_rows, n_landmarks)
        What the distances of the codes should be.
    shortest : float
        Errors of shorter distances are relative to this.
    """
    squares = (code[:, None] - landmarks).square().sum(dim=-1)
    error = (squares + 1e-8).sqrt() - distances  # the root has no slope at zero
    return pseudo_huber(error / distances.clamp(min=shortest)).mean(dim=1)


def pseudo_huber(error):
    """Return a loss that is quadratic for small errors and linear for large ones."""
    return (error.square() + DELTA**2).sqrt() - DELTA
