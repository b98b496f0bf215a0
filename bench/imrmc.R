# The values that crates/measures/tests/panel.rs compares with: iMRMC's own R code on the test's files.
# Usage: Rscript bench/imrmc.R FOLDER   (FOLDER: the R/ folder of the iMRMC package's source, 2.1.2)
folder <- commandArgs(trailingOnly = TRUE)[1]
for (f in c("doAUCMRMC", "doROCcurveMRMC", "iMRMC_R", "utilityFunctions", "uStats")) source(file.path(folder, paste0(f, ".R")))
options(digits = 12)
frame <- function(rows) {
  one <- function(i) {
    scores <- as.numeric(strsplit(rows$scores[i], " ")[[1]])
    data.frame(readerID = rows$reader[i], caseID = paste0("t", rows$truth[i], "c", seq_along(scores)),
               modalityID = rows$modality[i], score = scores, truth = rows$truth[i])
  }
  d <- do.call(rbind, lapply(seq_len(nrow(rows)), one))
  truth <- unique(data.frame(readerID = "truth", caseID = d$caseID, modalityID = "truth", score = as.numeric(d$truth)))
  rbind(truth, d[, 1:4])
}
for (name in c("imrmc", "vandyke")) {
  table <- read.csv(file.path("crates/measures/tests/data", paste0(name, ".csv")), colClasses = "character")
  for (modality in unique(table$modality)) {
    u <- doAUCmrmc(frame(table[table$modality == modality, ]))$Ustat
    cat(name, modality, "area", u$AUC.1, "variance", u$covAUC, "df", u$dfBDG, "moments", unlist(u[paste0("M", 1:8)]), "\n")
  }
}
