# Medians of what the benchmarks' scripts have measured. Source it.
# shellcheck shell=sh

# medians FILE: of lines "NAME<tab>number<tab>number<tab>...", for each name, in the order in
# which they come first, NAME and the median of each column.
medians() {
	awk -F '\t' '
		function median(column, k, a, b, x) {
			for (a = 2; a <= n[k]; a++)
				for (b = a; b > 1 && t[column, k, b - 1] > t[column, k, b]; b--) {
					x = t[column, k, b]
					t[column, k, b] = t[column, k, b - 1]
					t[column, k, b - 1] = x
				}
			return t[column, k, int((n[k] + 1) / 2)]
		}
		!($1 in n) { name[++names] = $1 }
		{ n[$1]++; for (c = 2; c <= NF; c++) t[c, $1, n[$1]] = $c + 0; columns = NF }
		END {
			for (i = 1; i <= names; i++) {
				printf "%s", name[i]
				for (c = 2; c <= columns; c++)
					printf "\t%.3f", median(c, name[i])
				printf "\n"
			}
		}' "$1"
}
