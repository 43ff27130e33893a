"""Every planted fault of the files faults_*.py; those that take minutes come last."""

from tests.mutants import (
    faults_api,
    faults_browser,
    faults_fhir,
    faults_form,
    faults_http,
    faults_processes,
    faults_programs,
    faults_review,
    faults_rules,
    faults_staff,
    faults_storage,
    faults_submissions,
)
from tests.mutants.fault import Fault

PARTS = (
    faults_rules, faults_fhir, faults_storage, faults_submissions, faults_review, faults_programs, faults_api,
    faults_form, faults_staff, faults_http, faults_browser, faults_processes,
)  # fmt: skip
FAULTS: tuple[Fault, ...] = tuple(
    sorted((fault for part in PARTS for fault in part.FAULTS), key=lambda fault: fault.slow)
)
