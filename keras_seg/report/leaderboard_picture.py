"""The picture of a leaderboard: score against latency."""

from collections.abc import Sequence

from keras_seg._page.charts import scatter_chart, standalone


def leaderboard_picture(
    points: Sequence[tuple[str, float, float, bool]], *, score_name: str, images: int, latency: str
) -> str:
    """A picture in SVG of what each model scores, against how long it takes.

    Args:
        points: sequence of (rank, milliseconds, score in percent, whether it is on the Pareto front).
        score_name: str. Such as "mean IoU".
        images: int. Validation images.
        latency: str. What was timed, for the axis.

    Returns:
        str. The content of an SVG file.
    """
    front = [f"{rank} ({milliseconds:.1f} ms, {score:.1f})" for rank, milliseconds, score, best in points if best]
    return standalone(
        scatter_chart(
            points,
            title=f"{score_name[0].upper()}{score_name[1:]} on {images} images, %",
            x_label=latency,
            description="Each point is a model, with its rank in the table. On the line, the Pareto front, no other "
            f"model is both better and faster: {', '.join(front)}.",
        )
    )
