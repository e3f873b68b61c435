"""What is not like the data is not reconstructed: images, and what has but their pixels."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer, DenoisingAutoencoder, VariationalAutoencoder
from sklearn_ae.architectures import Convolutional

TRAIN, TEST = train_test_split(load_digits().data / 16, random_state=0)
# Each image with its own pixels in another order, and as many random ones.
SHUFFLED = np.random.default_rng(0).permuted(TEST, axis=1)
NOISE = np.random.default_rng(0).uniform(size=TEST.shape)

ESTIMATORS = [
    AutoencoderTransformer(8),
    AutoencoderTransformer(8, architecture=Convolutional((8, 8), (4, 8))),
    DenoisingAutoencoder(16),
    VariationalAutoencoder(8),
]

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")


@pytest.fixture(scope="module", params=ESTIMATORS, ids=repr)
def fitted(request):
    return request.param.set_params(max_iter=15, random_state=0).fit(TRAIN)


def test_score_samples_tells_new_images_from_shuffled_ones_and_from_noise(fitted):
    scores = [fitted.score_samples(X) for X in (TEST, SHUFFLED, NOISE)]
    is_image = np.repeat([1, 0], len(TEST))
    for others in scores[1:]:
        assert roc_auc_score(is_image, np.concatenate([scores[0], others])) > 0.99


def test_share_of_the_variance_that_is_reconstructed_is_large_on_the_manifold_only(fitted):
    assert fitted.score(TEST) > 0.65
    assert fitted.score(SHUFFLED) < 0.3
    assert fitted.score(NOISE) < 0.3
