//! The cluster as this node sees it, and the bus it speaks: a pure machine.
