variable "region" {
  description = "The deployment's region; every name and policy here stays inside it."
  type        = string
}

variable "bucket" {
  description = "Name of the region's bucket."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "oidc_provider" {
  description = "The cluster's OIDC issuer without https://, as IAM knows it (oidc.eks.REGION.amazonaws.com/id/...)."
  type        = string
}

variable "incoming_prefix" {
  description = "Uploads below this prefix are announced on the queue."
  type        = string
  default     = "incoming/"
}

variable "handoff_days" {
  description = "Days for which a run can be started again from its failure: what steps handed over is kept that long."
  type        = number
  default     = 30
}

variable "former_versions_days" {
  description = "Days for which an overwritten or deleted object can be brought back."
  type        = number
  default     = 90
}
