"""What `/metrics` tells, whichever labels it adds."""

from prometheus_client.parser import text_string_to_metric_families


def values(exposition: str, metric: str, /, **labels: str) -> list[float]:
    """The values of the samples with this name and these labels, and with any others."""
    return [
        sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == metric and labels.items() <= sample.labels.items()
    ]
