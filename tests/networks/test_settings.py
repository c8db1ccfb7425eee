"""Settings of networks: what is refused, and with which remedy."""

from __future__ import annotations

import pytest

from pulsefront.errors import UnsupportedLayer
from pulsefront.networks import MlpSettings, initial_candidate


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "gelu"])
def test_an_activation_outside_the_allow_list_is_refused_with_layer_and_remedy(
    activation: str,
) -> None:
    with pytest.raises(
        UnsupportedLayer, match=f"'hidden_1'.*{activation}.*use activation = 'relu'"
    ):
        initial_candidate(MlpSettings(activation=activation), 4, 1, seed=0)


def test_an_output_that_is_not_linear_is_refused() -> None:
    with pytest.raises(UnsupportedLayer, match=r"'output'.*softmax.*linear"):
        MlpSettings(output_activation="softmax").check()


def test_a_layer_without_nodes_is_refused_by_its_name() -> None:
    with pytest.raises(UnsupportedLayer, match=r"'hidden_2'.*at least one node"):
        MlpSettings(hidden=(4, 0)).check()
