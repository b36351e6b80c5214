#!/bin/sh
# A trial without Python and without the SDK: linear regression by gradient descent, in awk.
#
# Parameters come from the environment (`arguments: None`), the result goes to the file $AUTOSEARCH_RESULT. A model
# folder is kept when it is the trial's own: output/<job id>/<trial id>.
set -eu

job=${AUTOSEARCH_JOB_ID:-job-1234}
trial=${AUTOSEARCH_TRIAL_ID:-0-0}
folder=output/$job/$trial
mkdir -p "$folder"

awk -F, -v lr="${AUTOSEARCH_PARAM_lr:-0.1}" -v decay="${AUTOSEARCH_PARAM_decay:-0.001}" \
    -v epochs="${AUTOSEARCH_PARAM_epochs:-50}" -v model="$folder/weights.txt" '
    function predict(row,    j, sum) {
        sum = w[0]
        for (j = 1; j < columns; j++) sum += w[j] * x[row, j]
        return sum
    }
    FNR == 1 { file++ }
    { rows++; columns = NF; for (j = 1; j <= NF; j++) x[rows, j] = $j; if (file == 1) trained = rows }
    END {
        for (epoch = 0; epoch < epochs; epoch++) {
            for (j = 0; j < columns; j++) g[j] = decay * w[j]
            for (i = 1; i <= trained; i++) {
                error = (predict(i) - x[i, columns]) / trained
                g[0] += error
                for (j = 1; j < columns; j++) g[j] += error * x[i, j]
            }
            for (j = 0; j < columns; j++) w[j] -= lr * g[j]
        }
        for (j = 0; j < columns; j++) print w[j] > model
        for (i = trained + 1; i <= rows; i++) sum += (predict(i) - x[i, columns]) ^ 2
        printf "{\"mse\": %.6f}\n", sum / (rows - trained)
    }' train_data/diabetes.csv test_data/diabetes.csv > "${AUTOSEARCH_RESULT:-/dev/stdout}"
