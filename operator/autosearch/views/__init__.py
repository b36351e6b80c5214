"""What people see of a search: tables, live progress, and a report page.

Owns: turning a job and its trials into text and pictures. It never changes anything, asks nobody anything, and knows
neither Kubernetes nor local processes.
"""
