"""The parts of ``sentri serve``: sockets, processes, log, metrics."""
