/*
 * main - knows every room of the node, hands each one's rows to their tables, and runs the loop.
 */
#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("holdfast-node %s\n", HF_VERSION);
    return 0;
}
