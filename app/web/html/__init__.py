"""What the pages of form and staff app share: templates, PDF, form security."""
