"""The pages that people see: one environment of templates, one stylesheet, one set of security headers."""

from switchbay.oauth.pages.environment import Pages, render, render_form_post

__all__ = ["Pages", "render", "render_form_post"]
