"""A transactional SQL database: work written once as generators, run by an adapter."""
