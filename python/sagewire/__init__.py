"""Amazon SageMaker Runtime, near the speed of the socket. Public names, nothing else."""

from sagewire._impl import implementation

__version__ = "0.1.0"

__all__ = ["__version__", "implementation"]
