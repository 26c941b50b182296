/*
 * Gives a fuzz target the inputs it has been given before: files, or folders
 * of files.  In the place of libFuzzer, so that any compiler will do.
 *
 *     build/tests/fuzz/replay_numbers tests/fuzz/corpus/numbers
 *
 * Each input is copied to memory of exactly its size, so that a sanitizer sees
 * a read beyond it.  A folder that is not there or has no input is an error: a
 * target nobody has tried proves nothing.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void give_up(const char *path)
{
	perror(path);
	exit(EXIT_FAILURE);
}

static void replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		give_up(path);
	uint8_t *data = malloc(size);
	if ((!data && size) || fread(data, 1, size, file) != size)
		give_up(path);
	fclose(file);

	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

/* The number of inputs below path. */
static size_t replay(const char *path)
{
	struct stat stat_of_path;
	if (stat(path, &stat_of_path))
		give_up(path);
	if (!S_ISDIR(stat_of_path.st_mode)) {
		replay_file(path, (size_t)stat_of_path.st_size);
		return 1;
	}

	DIR *folder = opendir(path);
	if (!folder)
		give_up(path);
	size_t count = 0;
	for (struct dirent *entry; (entry = readdir(folder));) {
		char inner[PATH_MAX];
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= PATH_MAX)
			give_up(path);
		count += replay(inner);
	}
	closedir(folder);
	return count;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t count = replay(argv[i]);
		if (count == 0) {
			fprintf(stderr, "%s: no input\n", argv[i]);
			return EXIT_FAILURE;
		}
		printf("%s: %zu inputs\n", argv[i], count);
	}
	return EXIT_SUCCESS;
}
