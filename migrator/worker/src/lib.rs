//! What happens on the destination server: copy, lowercase, queues, seal, job store, sandbox.
