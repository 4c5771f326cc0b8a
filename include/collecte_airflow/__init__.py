"""What DAGs and plugins share, on top of ``collecte.steps``: ids, challenge files at parse, retries, a task's site.

Importing this package costs little: pandas, boto3, pydicom and Great Expectations are imported where a task runs, never
where a DAG file is parsed.
"""
